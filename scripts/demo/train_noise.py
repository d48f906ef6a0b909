"""Trains the bench's second model: the demo's goes on, to predict noise, on captions that name smile and eyes.

    python3 scripts/run.py python scripts/demo/train_noise.py --seconds 1500 --output FOLDER                  one core
    python3 scripts/run.py python scripts/demo/train_noise.py --seconds 90 --batch 512 --workers 16 --output FOLDER

It takes as long as it is told, and draws faces while it trains. Below the folder: tiny_noise.safetensors (float16,
every minute), noise.json (what it has learned) and samples.png. The VAE is the demo's.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import sys
import time
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

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
from tiny_noise import VOCABULARY, NamedFaceModel, from_demo
from train_model import decoded, sheet

WITHOUT_CAPTION = 0.1
VARIANTS = 4  # captions drawn for each face
DRAWN_AT_ONCE = 32
AVERAGED = 0.005  # of each step's weights
NAME = "tiny_noise.safetensors"


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


def drawn_latents(faces: list[Face]) -> Tensor:
    """[count, 16, h, w], in a process that trains nothing."""
    torch.set_num_threads(1)
    return train_vae.encode(shipped_vae(), draw_many(faces), "cpu")


class Latents:
    """Latents of faces that other processes draw, as many as there are by now."""

    def __init__(self, drawings: list[Future[Tensor]]):
        self.waiting = drawings
        self.ready = torch.empty(0, 16, SIZE // 8, SIZE // 8)

    def __call__(self) -> Tensor:
        """[count, 16, h, w], at least those of the first drawing."""
        while self.waiting and (self.waiting[0].done() or not len(self.ready)):
            self.ready = torch.cat([self.ready, self.waiting.pop(0).result().float()])
        return self.ready


def train(latents: Latents, numbers: Tensor, options: argparse.Namespace, until: float, device: str):
    """The averaged model and its losses, the mean of each 20 steps; the rate falls with the time that is left."""
    model = from_demo().to(device)
    average = copy.deepcopy(model).requires_grad_(False).eval()
    sigmas = model_sampling.ModelSamplingDiscrete().sigmas.float().to(device)
    weights, averages = list(model.parameters()), list(average.parameters())
    optimiser = torch.optim.AdamW(weights, options.rate, betas=(0.9, 0.99), weight_decay=0.01)
    losses, running, step = [], 0.0, 0
    started = saved = time.time()
    while (now := time.time()) < until or step == 0:
        done = min(1.0, (now - started) / max(until - started, 1.0))
        rate = options.rate * min((step + 1) / 50, 0.5 * (1 + math.cos(math.pi * done)) + 0.01)
        optimiser.param_groups[0]["lr"] = rate
        known, batch = latents(), options.batch
        chosen = torch.randint(0, len(known), (batch,))
        words = numbers[chosen, torch.randint(0, VARIANTS, (batch,))] * (
            torch.rand(batch, 1) >= WITHOUT_CAPTION
        )
        clean, times = known[chosen].to(device), torch.randint(0, 1000, (batch,), device=device)
        noise, sigma = torch.randn_like(clean), sigmas[times].reshape(-1, 1, 1, 1)
        noisy = (clean + sigma * noise) / (sigma.square() + 1).sqrt()
        with torch.autocast(device, torch.bfloat16):
            predicted = model(noisy, times, words.to(device))
        loss = (predicted.float() - noise).square().mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        step += 1
        with torch.no_grad():
            torch._foreach_lerp_(averages, weights, max(AVERAGED, 1 / step))
        running += float(loss.detach())
        if step % 20 == 0:
            losses.append(round(running / 20, 5))
            running = 0.0
            print(f"step {step} loss {losses[-1]:.4f} of {len(known)} faces, {now - started:.0f} s", flush=True)
        if now - saved > 60:
            save(average, options.output / NAME)
            saved = now
    save(average, options.output / NAME)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--seconds", type=float, default=1500, help="of the training; drawing goes on beside it"
    )
    parser.add_argument("--workers", type=int, default=1, help="processes that draw")
    parser.add_argument("--pictures", type=int, default=4096)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--checked", type=int, default=32, help="pictures of each check")
    parser.add_argument("--output", type=Path, default=Path("demo_output/noise"))
    options = parser.parse_args()
    started = time.time()
    options.output.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    faces = entangled_faces(options.pictures, seed=1)
    numbers = caption_numbers(faces, seed=5)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with ProcessPoolExecutor(options.workers) as pool:
        parts = [faces[i : i + DRAWN_AT_ONCE] for i in range(0, len(faces), DRAWN_AT_ONCE)]
        latents = Latents([pool.submit(drawn_latents, part) for part in parts])
        until = time.time() + options.seconds
        model, losses, steps = train(latents, numbers, options, until, device)
        pool.shutdown(cancel_futures=True)
    result = {
        "recipe": {"batch": options.batch, "steps": steps, "rate": options.rate},
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "seconds": round(time.time() - started),
        "parameters": sum(weight.numel() for weight in model.parameters()),
        **check(model, shipped_vae().to(device), options.checked, device, options.output),
        "loss": losses,
    }
    (options.output / "noise.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({name: value for name, value in result.items() if name != "loss"}, indent=1))


if __name__ == "__main__":
    main()
