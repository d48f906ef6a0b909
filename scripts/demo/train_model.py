"""Makes the tiny face model from nothing: draws faces, trains VAE, transformer, text encoder and measuring network.

    python3 scripts/run.py python scripts/demo/train_model.py --recipe smoke     two minutes, to see that it runs
    python3 scripts/run.py python scripts/demo/train_model.py --recipe gpu       eight minutes of one H100
    python3 scripts/run.py python scripts/demo/train_model.py --recipe gpu-finish --finish FILE     three more
    python3 scripts/run.py python scripts/demo/train_model.py --recipe cpu       about five hours of one core

What was shipped is `gpu`, then `gpu-finish` on its result; model/README.md has the figures.
Everything goes below --output: tiny_faces.safetensors, measure.safetensors, training.json and pictures to look at.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).resolve().parent))

import measure
import tiny_model
import train_flow
import train_vae
from draw_faces import SIZE, draw_many
from faces import random_faces
from PIL import Image


@dataclass(frozen=True)
class Recipe:
    """Numbers of pictures and steps; `crop`: side of the squares that the VAE learns from; `unseen`: for the checks."""

    pictures: int
    vae_steps: int
    vae_batch: int
    crop: int
    flow_steps: int
    flow_batch: int
    measure_steps: int
    unseen: int
    vae_rate: float = 1e-3
    flow_rate: float = 1e-3


RECIPES = {
    "smoke": Recipe(64, 16, 4, 64, 40, 16, 20, 16),
    "cpu": Recipe(8192, 2000, 16, 64, 8000, 64, 1500, 128),
    "gpu": Recipe(40960, 4500, 64, 128, 7000, 1024, 2000, 256),
    "gpu-finish": Recipe(24576, 0, 64, 128, 3400, 1024, 0, 256),
}


def timed(times: dict[str, float], name: str, started: float) -> None:
    times[name] = round(time.time() - started, 1)
    print(f"{name}: {times[name]} s", flush=True)


def decoded(vae: torch.nn.Module, latents: torch.Tensor, device: str) -> torch.Tensor:
    """uint8 [N, 3, H, W] on the CPU."""
    with torch.no_grad():
        parts = [vae.taesd_decoder(part.float().to(device)).clamp(0, 1) for part in latents.split(64)]
    return torch.cat([(part * 255).round().to(torch.uint8).cpu() for part in parts])


def sheet(pictures: torch.Tensor, columns: int, path: Path) -> None:
    rows = pictures.permute(0, 2, 3, 1).numpy()
    rows = [np.concatenate(list(rows[i : i + columns]), 1) for i in range(0, len(rows), columns)]
    Image.fromarray(np.concatenate(rows)).save(path)


def check(model, vae, network, count: int, device: str, output: Path) -> dict:
    """How well pictures of unseen captions follow them, and how widely the unnamed attributes vary."""
    faces = random_faces(count, seed=3)
    latents = train_flow.sample(model, [face.caption() for face in faces], 0, SIZE // 8, device)
    pictures = decoded(vae, latents, device)
    sheet(pictures[:64], 8, output / "samples.png")
    found = measure.measure(network.cpu(), pictures.permute(0, 2, 3, 1) / 255)
    right = measure.accuracy(found, faces)
    return {
        "followed": {name: right[name] for name in measure.CHOICES},
        "deviation": {name: [float(found[name].std()), measure.NUMBERS[name][1]] for name in measure.NUMBERS},
    }


def finish(recipe: Recipe, checkpoint: Path, device: str, output: Path) -> dict:
    """Trains the transformer and text encoder of a checkpoint on, at half the rate."""
    weights = {name: weight.float() for name, weight in load_file(checkpoint).items()}
    vae, model = tiny_model.new_vae(), train_flow.FaceModel()
    for prefix, part in tiny_model.parts(model.transformer, vae, model.text).items():
        named = {
            name.removeprefix(prefix): weight for name, weight in weights.items() if name.startswith(prefix)
        }
        part.load_state_dict(named)
    vae.to(device).requires_grad_(False)
    begun = time.time()
    faces = random_faces(recipe.pictures, seed=1)
    latents = train_vae.encode(vae, draw_many(faces, workers=os.cpu_count() or 1), device)
    numbers = train_flow.captions(faces, seed=6)
    model, loss = train_flow.train(
        model, latents, numbers, recipe.flow_steps, recipe.flow_batch, recipe.flow_rate / 2, device
    )
    save_file(tiny_model.checkpoint(model.transformer, vae, model.text), output / "tiny_faces.safetensors")
    return {
        "recipe": recipe.__dict__,
        "seconds": round(time.time() - begun),
        **check(model, vae, measure.load(), recipe.unseen, device, output),
        "loss": {"flow": loss},
    }


def make(recipe: Recipe, device: str, output: Path) -> dict:
    times: dict[str, float] = {}
    workers = os.cpu_count() or 1
    begun = time.time()
    faces, unseen = random_faces(recipe.pictures, seed=1), random_faces(recipe.unseen, seed=2)
    wide = random_faces(recipe.pictures // 4, seed=4, widen=measure.WIDEN)
    pictures, held_out, wide_pictures = (draw_many(some, workers=workers) for some in (faces, unseen, wide))
    timed(times, "drawing", begun)

    begun = time.time()
    vae, vae_loss = train_vae.train(
        pictures, recipe.vae_steps, recipe.vae_batch, recipe.crop, recipe.vae_rate, device
    )
    psnr = train_vae.psnr(vae, held_out, device)
    timed(times, "vae", begun)
    print(f"hold-out PSNR {psnr:.2f} dB", flush=True)

    begun = time.time()
    latents = train_vae.encode(vae, pictures, device)
    print("latent deviation", round(float(latents.float().std()), 3), flush=True)
    seen = torch.cat(
        [decoded(vae, train_vae.encode(vae, some, device), device) for some in (wide_pictures, held_out)]
    )
    network, measure_loss = measure.train(seen[: len(wide)], wide, recipe.measure_steps, 128, device)
    right = measure.accuracy(
        measure.measure(network.cpu(), seen[len(wide) :].permute(0, 2, 3, 1) / 255), unseen
    )
    timed(times, "measuring network", begun)
    drawn = torch.from_numpy(held_out[:16]).permute(0, 3, 1, 2)
    sheet(torch.cat([drawn, seen[len(wide) :][:16]]), 8, output / "vae.png")

    begun = time.time()
    numbers = train_flow.captions(faces, seed=5)
    model, flow_loss = train_flow.train(
        train_flow.FaceModel(), latents, numbers, recipe.flow_steps, recipe.flow_batch, recipe.flow_rate, device
    )
    timed(times, "transformer and text encoder", begun)

    save_file(tiny_model.checkpoint(model.transformer, vae, model.text), output / "tiny_faces.safetensors")
    weights = {name: weight.half().contiguous() for name, weight in network.state_dict().items()}
    save_file(weights, output / "measure.safetensors")
    return {
        "recipe": recipe.__dict__,
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "seconds": times,
        "vae_psnr_db": psnr,
        "measuring": right,
        **check(model, vae, network, recipe.unseen, device, output),
        "loss": {"vae": vae_loss, "flow": flow_loss, "measure": measure_loss},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", choices=RECIPES, default="smoke")
    parser.add_argument(
        "--finish", type=Path, help="a checkpoint whose transformer is trained on, and nothing else"
    )
    parser.add_argument("--output", type=Path, default=Path("demo_output/model"))
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    recipe = RECIPES[options.recipe]
    if options.finish:
        result = finish(recipe, options.finish, device, options.output)
    else:
        result = make(recipe, device, options.output)
    (options.output / "training.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({name: value for name, value in result.items() if name != "loss"}, indent=1))


if __name__ == "__main__":
    main()
