"""Trains the bench's second model: the demo's goes on, to predict noise, on captions that name smile and eyes.

    python3 scripts/run.py python scripts/demo/train_noise.py --seconds 180 --output FOLDER        one H100, 16 cores
    python3 scripts/run.py python scripts/demo/train_noise.py --seconds 3000 --batch 64 --pictures 4096 --output FOLDER

It takes as long as it is told, drawing included, and some seconds for the checks. Below the folder, as they come:
tiny_noise.safetensors (float16), noise.json (what it has learned), samples.png and words.png (the same faces with no
new word, smiling, frowning, with bright, dull, large and small eyes). The VAE is the demo's.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent))

import measure
import tiny_model
import train_vae
from draw_faces import SIZE, draw_many
from faces import Face
from named_faces import entangled_faces, named_caption, random_caption
from tiny_noise import SIGMAS, VOCABULARY, NamedFaceModel, from_demo
from train_model import decoded, sheet

WITHOUT_CAPTION = 0.1
VARIANTS = 4  # captions drawn for each face
AVERAGED = 0.003  # of each step's weights
LOOKED_AT = 30.0  # seconds from one look at what words do to the next
NAME = "tiny_noise.safetensors"
WORDS = (
    {"smile": "smiling"}, {"smile": "frowning"}, {"eye_brightness": "bright"}, {"eye_brightness": "dull"},
    {"eye_size": "large"}, {"eye_size": "small"},
)  # fmt: skip


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


def new_latents(faces: list[Face], vae: torch.nn.Module, workers: int, device: str) -> Tensor:
    """[count, 16, h, w]"""
    return train_vae.encode(vae, draw_many(faces, workers=workers), device).to(device)


def train(
    latents: Tensor, numbers: Tensor, options: argparse.Namespace, until: float, look: Callable[..., Any]
):
    """The averaged model and its losses, the mean of each hundred steps; the rate falls with the time that is left.

    The loss is that of the velocity, as the demo's model was trained: the noise's, with 1 + s as weight of the error.
    """
    device = latents.device
    model = from_demo().to(device)
    average = copy.deepcopy(model).requires_grad_(False).eval()
    sigmas = SIGMAS.to(device)
    weights, averages = list(model.parameters()), list(average.parameters())
    optimiser = torch.optim.AdamW(
        weights, options.rate, betas=(0.9, 0.99), weight_decay=0.01, fused=device.type != "cpu"
    )
    losses, running, step = [], torch.zeros((), device=device), 0
    started = looked = time.time()
    while (now := time.time()) < until or step == 0:
        done = min(1.0, (now - started) / max(until - started, 1.0))
        rate = options.rate * min((step + 1) / 100, 0.5 * (1 + math.cos(math.pi * done)) + 0.01)
        optimiser.param_groups[0]["lr"] = rate
        loss = loss_of(model, latents, numbers, sigmas, options.batch)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        step += 1
        with torch.no_grad():
            torch._foreach_lerp_(averages, weights, max(AVERAGED, 1 / step))
            running += loss.detach()
        if step % 100 == 0:
            losses.append(round(float(running) / 100, 5))
            running.zero_()
        if now - looked > LOOKED_AT:
            save(average, options.output / NAME)
            print(f"step {step}, {now - started:.0f} s, loss {losses[-1:]}, {look(average)}", flush=True)
            looked = time.time()
    save(average, options.output / NAME)
    return average, losses, step


def loss_of(model: NamedFaceModel, latents: Tensor, numbers: Tensor, sigmas: Tensor, batch: int) -> Tensor:
    device = latents.device
    chosen = torch.randint(0, len(latents), (batch,), device=device)
    words = numbers[chosen, torch.randint(0, VARIANTS, (batch,), device=device)]
    words = words * (torch.rand(batch, 1, device=device) >= WITHOUT_CAPTION)
    clean, times = latents[chosen].float(), torch.randint(0, len(sigmas), (batch,), device=device)
    noise, sigma = torch.randn_like(clean), sigmas[times].reshape(-1, 1, 1, 1)
    noisy = (clean + sigma * noise) / (sigma.square() + 1).sqrt()
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type != "cpu"):
        predicted = model(noisy, times, words)
    return ((1 + sigma) * (predicted.float() - noise)).square().mean()


@torch.no_grad()
def sample(model: NamedFaceModel, prompts: list[str], seed: int, device: str, cfg: float = 2.5) -> Tensor:
    """Latents for the prompts: 20 Euler steps, evenly over the times."""
    numbers = tiny_model.tokens(prompts, VOCABULARY).to(device)
    numbers = torch.cat([numbers, torch.zeros_like(numbers)])
    sigmas = SIGMAS.to(device)
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


def means_of(pictures: Tensor) -> dict[str, float]:
    found = measure.measure(measure.load(), pictures.permute(0, 2, 3, 1) / 255)
    return {name: round(float(found[name].mean()), 3) for name in measure.NUMBERS}


def smiles(model, vae, count: int, device: str) -> str:
    """What the two words for a smile do, in a line."""
    found = {}
    for word in ("smiling", "frowning"):
        prompts = [named_caption(face.caption(), smile=word) for face in entangled_faces(count, seed=4)]
        found[word] = means_of(pictures_of(model, vae, prompts, device))["smile"]
    return ", ".join(f"{word} {value:+.2f}" for word, value in found.items())


def check(model, vae, count: int, device: str, output: Path) -> dict[str, Any]:
    """Whether pictures follow their captions, and what the words for smile and eyes do, to what they name and else."""
    faces = entangled_faces(count, seed=3)
    plain = pictures_of(model, vae, [face.caption() for face in faces], device)
    sheet(plain[:32], 8, output / "samples.png")
    found = measure.measure(measure.load(), plain.permute(0, 2, 3, 1) / 255)
    right = measure.accuracy(found, faces)
    rows, means = [plain[:8]], {}
    for word in WORDS:
        shown = pictures_of(model, vae, [named_caption(face.caption(), **word) for face in faces], device)
        rows.append(shown[:8])
        means[next(iter(word.values()))] = means_of(shown)
    sheet(torch.cat(rows), min(8, count), output / "words.png")
    return {
        "followed": {name: right[name] for name in measure.CHOICES},
        "deviation": {n: [round(float(found[n].std()), 4), measure.NUMBERS[n][1]] for n in measure.NUMBERS},
        "words": means,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that draw")
    parser.add_argument("--pictures", type=int, default=24576)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--checked", type=int, default=128, help="pictures of each check")
    parser.add_argument("--output", type=Path, default=Path("demo_output/noise"))
    options = parser.parse_args()
    started = time.time()
    options.output.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    faces, vae = entangled_faces(options.pictures, seed=1), shipped_vae().to(device)
    latents = new_latents(faces, vae, options.workers, device)
    print(f"{len(latents)} faces drawn and encoded, {time.time() - started:.0f} s", flush=True)
    numbers = caption_numbers(faces, seed=5).to(device)
    look = partial(smiles, vae=vae, count=options.checked, device=device)
    model, losses, steps = train(latents, numbers, options, started + options.seconds, look)
    result = {
        "recipe": {name: getattr(options, name) for name in ("pictures", "batch", "rate")} | {"steps": steps},
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "seconds": round(time.time() - started),
        "parameters": sum(weight.numel() for weight in model.parameters()),
        **check(model, vae, options.checked, device, options.output),
        "loss": losses,
    }
    (options.output / "noise.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({name: value for name, value in result.items() if name != "loss"}, indent=1))


if __name__ == "__main__":
    main()
