"""Trains the bench's second model: a UNet that predicts noise, on faces whose captions name smile and eyes.

    python3 scripts/run.py python scripts/demo/train_unet.py --output FOLDER                     one H100, 16 cores
    python3 scripts/run.py python scripts/demo/train_unet.py --seconds 60 --pictures 64 --batch 8 --output FOLDER

It takes as long as it is told, drawing, training and checks together; while the pictures are drawn, the rest is
rehearsed, so that what cannot work ends soon. Below the folder: tiny_unet.safetensors (float16, every half minute, the
last one is the best), unet.json (what it has learned) and samples.png. The VAE is the demo's.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent))

import measure
import tiny_model
import train_vae
from comfy import model_sampling
from faces import SIZE, Face, draw_many
from named_faces import entangled_faces, named_caption, random_caption
from tiny_unet import VOCABULARY, NamedFaceModel
from train_model import decoded, sheet

WITHOUT_CAPTION = 0.1
VARIANTS = 4  # captions drawn for each face
DRAWN_AT_ONCE = 128
RATE = 1e-3


def shipped_vae() -> torch.nn.Module:
    prefix, vae = "first_stage_model.", tiny_model.new_vae()
    weights = load_file(tiny_model.CHECKPOINT)
    vae.load_state_dict({n.removeprefix(prefix): w.float() for n, w in weights.items() if n.startswith(prefix)})
    return vae.requires_grad_(False)


def caption_numbers(faces: list[Face], seed: int) -> Tensor:
    """[count, VARIANTS, 16] numbers."""
    random = np.random.default_rng(seed)
    texts = [random_caption(face, random) for face in faces for _ in range(VARIANTS)]
    return tiny_model.tokens(texts, VOCABULARY).unflatten(0, (len(faces), VARIANTS))


def save(model: NamedFaceModel, file: Path) -> None:
    weights = {name: w.detach().to("cpu", torch.float16).contiguous() for name, w in model.state_dict().items()}
    save_file(weights, file)


def train(latents: Tensor, numbers: Tensor, batch: int, until: float, device: str, output: Path):
    """The averaged model and its losses; the rate falls with the time that is left."""
    model = NamedFaceModel().to(device)
    average = copy.deepcopy(model).requires_grad_(False).eval()
    latents, numbers = latents.to(device), numbers.to(device)
    sigmas = model_sampling.ModelSamplingDiscrete().sigmas.float().to(device)
    weights, averages = list(model.parameters()), list(average.parameters())
    optimiser = torch.optim.AdamW(weights, RATE, betas=(0.9, 0.99), weight_decay=0.01, fused=device != "cpu")
    losses, running, step = [], torch.zeros((), device=device), 0
    started = saved = time.time()
    while (now := time.time()) < until or step == 0:
        done = min(1.0, (now - started) / max(until - started, 1.0))
        optimiser.param_groups[0]["lr"] = RATE * min(
            (step + 1) / 100, 0.5 * (1 + math.cos(math.pi * done)) + 0.01
        )
        chosen = torch.randint(0, len(latents), (batch,), device=device)
        words = numbers[chosen, torch.randint(0, VARIANTS, (batch,), device=device)]
        words = words * (torch.rand(batch, 1, device=device) >= WITHOUT_CAPTION)
        clean, times = latents[chosen].float(), torch.randint(0, 1000, (batch,), device=device)
        noise, sigma = torch.randn_like(clean), sigmas[times].reshape(-1, 1, 1, 1)
        noisy = (clean + sigma * noise) / (sigma.square() + 1).sqrt()
        with torch.autocast(device, torch.bfloat16, enabled=device != "cpu"):
            predicted = model(noisy, times, words)
        loss = (predicted.float() - noise).square().mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        step += 1
        with torch.no_grad():
            torch._foreach_lerp_(averages, weights, max(0.002, 1 / step))
        running += loss.detach()
        if step % 100 == 0:
            losses.append(round(float(running) / 100, 5))
            running.zero_()
            if step % 500 == 0:
                print(f"step {step} loss {losses[-1]:.4f} {now - started:.0f} s", flush=True)
        if now - saved > 30:
            save(average, output / "tiny_unet.safetensors")
            saved = now
    save(average, output / "tiny_unet.safetensors")
    return average, losses, step


@torch.no_grad()
def sample(model: NamedFaceModel, prompts: list[str], seed: int, device: str, cfg: float = 2.5) -> Tensor:
    """Latents for the prompts: 20 Euler steps, evenly over the times."""
    numbers = tiny_model.tokens(prompts, VOCABULARY).to(device)
    numbers = torch.cat([numbers, torch.zeros_like(numbers)])
    sigmas = model_sampling.ModelSamplingDiscrete().sigmas.float().to(device)
    times = torch.linspace(999, 0, 20).round().long().tolist()
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(len(prompts), 16, SIZE // 8, SIZE // 8, generator=generator).to(device) * sigmas[times[0]]
    for place, now in enumerate(times):
        sigma, after = sigmas[now], sigmas[times[place + 1]] if place + 1 < len(times) else 0.0
        scaled = (x / (sigma.square() + 1).sqrt()).repeat(2, 1, 1, 1)
        both = model(scaled, torch.full((len(scaled),), now, device=device), numbers)
        with_prompt, without = both.chunk(2)
        x = x + (after - sigma) * (without + cfg * (with_prompt - without))
    return x


def pictures_of(model, vae, prompts: list[str], device: str) -> Tensor:
    """uint8 [N, 3, H, W]"""
    parts = [sample(model, prompts[i : i + 128], i, device) for i in range(0, len(prompts), 128)]
    return decoded(vae, torch.cat(parts), device)


def check(model, vae, count: int, device: str, output: Path) -> dict:
    """Whether pictures follow their captions, and what the words for smile and eyes do, to what they name and else."""
    faces = entangled_faces(count, seed=3)
    network = measure.load()
    plain = pictures_of(model, vae, [face.caption() for face in faces], device)
    sheet(plain[:32], 8, output / "samples.png")
    found = measure.measure(network, plain.permute(0, 2, 3, 1) / 255)
    right = measure.accuracy(found, faces)
    means = {}
    for word in ({"smile": "smiling"}, {"smile": "frowning"}, {"eye_brightness": "bright"}, {"eye_brightness": "dull"},
                 {"eye_size": "large"}, {"eye_size": "small"}):  # fmt: skip
        prompts = [named_caption(face.caption(), **word) for face in faces]
        shown = pictures_of(model, vae, prompts, device)
        name = next(iter(word.values()))
        sheet(shown[:16], 8, output / f"{name}.png")
        of_word = measure.measure(network, shown.permute(0, 2, 3, 1) / 255)
        means[name] = {n: round(float(of_word[n].mean()), 3) for n in measure.NUMBERS}
    return {
        "followed": {name: right[name] for name in measure.CHOICES},
        "deviation": {n: [round(float(found[n].std()), 4), measure.NUMBERS[n][1]] for n in measure.NUMBERS},
        "words": means,
    }


def rehearse(options: argparse.Namespace, device: str) -> None:
    """A few steps on noise, and all checks: fails where the real ones would, before they cost anything."""
    latents, numbers = torch.randn(2, 16, SIZE // 8, SIZE // 8), caption_numbers(entangled_faces(2, seed=1), 0)
    with TemporaryDirectory() as folder:
        model, _, _ = train(latents, numbers, options.batch, time.time() + 0.2, device, Path(folder))
        check(model, shipped_vae().to(device), options.checked, device, Path(folder))


def drawn_latents(faces: list[Face], options: argparse.Namespace, device: str) -> Tensor:
    """Latents of the faces, [count, 16, h, w], drawn by other processes while this one rehearses."""
    with ProcessPoolExecutor(options.workers) as pool:
        parts = [faces[i : i + DRAWN_AT_ONCE] for i in range(0, len(faces), DRAWN_AT_ONCE)]
        drawings = [pool.submit(draw_many, part) for part in parts]
        try:
            rehearse(options, device)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
        vae = shipped_vae().to(device)
        return torch.cat([train_vae.encode(vae, drawing.result(), device) for drawing in drawings])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument(
        "--checks", type=float, default=12, help="seconds of these that are kept for the checks"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that draw")
    parser.add_argument("--pictures", type=int, default=20480)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--checked", type=int, default=128, help="pictures of each check")
    parser.add_argument("--output", type=Path, default=Path("demo_output/unet"))
    options = parser.parse_args()
    started = time.time()
    options.output.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    faces = entangled_faces(options.pictures, seed=1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    latents = drawn_latents(faces, options, device)
    vae, numbers = shipped_vae().to(device), caption_numbers(faces, seed=5)
    print(f"latents, deviation {float(latents.float().std()):.3f}, {time.time() - started:.0f} s", flush=True)
    until = started + options.seconds - options.checks
    model, losses, steps = train(latents, numbers, options.batch, until, device, options.output)
    result = {
        "recipe": {"pictures": options.pictures, "batch": options.batch, "steps": steps, "rate": RATE},
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "seconds": round(time.time() - started),
        "parameters": sum(weight.numel() for weight in model.parameters()),
        **check(model, vae, options.checked, device, options.output),
        "loss": losses,
    }
    (options.output / "unet.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({name: value for name, value in result.items() if name != "loss"}, indent=1))


if __name__ == "__main__":
    main()
