"""Trains transformer and text encoder together on the latents of captioned faces, by flow matching."""

from __future__ import annotations

import copy
import time

import numpy as np
import torch
from faces import Face
from tiny_model import encode_text, new_text, new_transformer, tokens
from torch import Tensor, nn

WITHOUT_CAPTION = 0.1  # share of the examples that teach the model what guidance compares with
WHOLE = 0.5  # share of the captions that name everything; the others leave out some, most or all clauses
VARIANTS = 4  # captions drawn for each face


class FaceModel(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.transformer = new_transformer()
        self.text = new_text()

    def forward(self, latents: Tensor, sigma: Tensor, numbers: Tensor) -> Tensor:
        """The velocity at these noisy latents, for captions as numbers."""
        return self.transformer(latents, sigma * 1000, context=encode_text(self.text, numbers))


def shorten(caption: str, random: np.random.Generator) -> str:
    """The caption with fewer clauses, perhaps; glasses are always named, so that not naming them says no glasses."""
    person, *clauses = caption.replace(" with ", ", ").split(", ")
    share = 1 if random.random() < WHOLE else random.random()
    kept = [clause for clause in clauses if clause == "glasses" or random.random() < share]
    return person + (" with " + ", ".join(kept) if kept else "")


def captions(faces: list[Face], seed: int) -> Tensor:
    """[count, VARIANTS, 16] numbers."""
    random = np.random.default_rng(seed)
    texts = [shorten(face.caption(), random) for face in faces for _ in range(VARIANTS)]
    return tokens(texts).unflatten(0, (len(faces), VARIANTS))


def noise_levels(count: int, device: str) -> Tensor:
    """Sigmas: mostly where faces take shape (logit-normal), a third evenly over all."""
    normal = torch.sigmoid(torch.randn(count, device=device) * 1.1 + 0.4)
    return torch.where(torch.rand(count, device=device) < 1 / 3, torch.rand(count, device=device), normal)


def train(
    model: FaceModel, latents: Tensor, numbers: Tensor, steps: int, batch: int, rate: float, device: str
) -> tuple[FaceModel, list[float]]:
    """The averaged model and its losses, the mean of each hundred steps."""
    model.to(device)
    average = copy.deepcopy(model).requires_grad_(False).eval()
    latents, numbers = latents.to(device), numbers.to(device)
    weights, averages = list(model.parameters()), list(average.parameters())
    optimiser = torch.optim.AdamW(weights, rate, betas=(0.9, 0.99), weight_decay=0.01, fused=device != "cpu")
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, steps, pct_start=0.05)
    losses, running, started = [], torch.zeros((), device=device), time.time()
    for step in range(steps):
        chosen = torch.randint(0, len(latents), (batch,), device=device)
        words = numbers[chosen, torch.randint(0, VARIANTS, (batch,), device=device)]
        words = words * (torch.rand(batch, 1, device=device) >= WITHOUT_CAPTION)
        clean = latents[chosen].float()
        noise, sigma = torch.randn_like(clean), noise_levels(batch, device)
        noisy = clean + sigma[:, None, None, None] * (noise - clean)
        with torch.autocast(device, torch.bfloat16, enabled=device != "cpu"):
            velocity = model(noisy, sigma, words)
        loss = (velocity.float() - (noise - clean)).square().mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        schedule.step()
        torch._foreach_lerp_(averages, weights, max(0.001, 1 / (step + 1)))
        running += loss.detach()
        if step % 100 == 99 or step == steps - 1:
            losses.append(round(float(running) / (step % 100 + 1), 5))
            running.zero_()
            if step % 1000 == 999 or steps < 2000:
                print(
                    f"flow {step + 1}/{steps} loss {losses[-1]:.4f} {time.time() - started:.0f} s", flush=True
                )
    return average, losses


@torch.no_grad()
def sample(model: FaceModel, prompts: list[str], seed: int, size: int, device: str, cfg: float = 2.5) -> Tensor:
    """Latents for the prompts: 20 Euler steps with SD3's shift 3, as the stock KSampler does with `simple`."""
    numbers = tokens(prompts).to(device)
    numbers = torch.cat([numbers, torch.zeros_like(numbers)])
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(len(prompts), 16, size, size, generator=generator).to(device)
    even = torch.linspace(1, 0, 21)
    sigmas = (3 * even / (1 + 2 * even)).to(device)
    for now, after in zip(sigmas[:-1], sigmas[1:], strict=True):
        with_prompt, without = model(x.repeat(2, 1, 1, 1), now.expand(2 * len(x)), numbers).chunk(2)
        x = x + (after - now) * (without + cfg * (with_prompt - without))
    return x
