"""Trains the VAE of the tiny face model: ComfyUI's TAESD layout, 8 times smaller pictures of 16 channels."""

from __future__ import annotations

import time

import numpy as np
import torch
from comfy.taesd.taesd import TAESD
from tiny_model import new_vae
from torch import Tensor

NOISE = 0.1  # added to latents while the decoder learns: makes near latents decode to near pictures


def to_tensor(pictures: np.ndarray, device: str) -> Tensor:
    """uint8 [N, H, W, 3] to float [N, 3, H, W] in 0..1."""
    return torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2).float().div_(255)


def crop(pictures: Tensor, size: int) -> Tensor:
    """One random square of each batch; the VAE is convolutional, so small squares teach it as much."""
    top, left = (int(torch.randint(0, pictures.shape[-1] - size + 1, ())) for _ in range(2))
    return pictures[..., top : top + size, left : left + size].contiguous(memory_format=torch.channels_last)


def loss_of(vae: TAESD, pictures: Tensor) -> Tensor:
    """Difference of the picture, plus a light pull of every latent channel towards mean 0, deviation 1."""
    latent = vae.taesd_encoder(pictures)
    decoded = vae.taesd_decoder(latent + NOISE * torch.randn_like(latent)).float()
    difference = decoded - pictures
    deviation, mean = torch.std_mean(latent.float(), dim=(0, 2, 3))
    shape = mean.square().mean() + (deviation + 1e-4).log().square().mean()
    return difference.abs().mean() + 10 * difference.square().mean() + 1e-3 * shape


@torch.no_grad()
def psnr(vae: TAESD, pictures: np.ndarray, device: str) -> float:
    """Peak signal-to-noise ratio in dB of decoded against drawn pictures."""
    errors = []
    for part in np.array_split(pictures, max(1, len(pictures) // 32)):
        drawn = to_tensor(part, device)
        decoded = vae.taesd_decoder(vae.taesd_encoder(drawn)).clamp(0, 1)
        errors.append((decoded - drawn).square().mean(dim=(1, 2, 3)))
    return float(-10 * torch.cat(errors).log10().mean())


@torch.no_grad()
def encode(vae: TAESD, pictures: np.ndarray, device: str) -> Tensor:
    """What the transformer sees of the pictures: [N, 16, H/8, W/8], on the CPU."""
    parts = np.array_split(pictures, max(1, len(pictures) // 64))
    return torch.cat([vae.taesd_encoder(to_tensor(part, device)).half().cpu() for part in parts])


def train(
    pictures: np.ndarray, steps: int, batch: int, size: int, rate: float, device: str
) -> tuple[TAESD, list]:
    """The trained VAE and its losses, one in each hundred steps."""
    vae = new_vae().to(device).to(memory_format=torch.channels_last)
    weights = [*vae.taesd_encoder.parameters(), *vae.taesd_decoder.parameters()]
    optimiser = torch.optim.AdamW(weights, rate, betas=(0.9, 0.99), weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, steps, pct_start=0.05)
    random = np.random.default_rng(0)
    losses, started = [], time.time()
    for step in range(steps):
        batch_of = crop(to_tensor(pictures[random.integers(0, len(pictures), batch)], device), size)
        with torch.autocast(device, torch.bfloat16, enabled=device != "cpu"):
            loss = loss_of(vae, batch_of)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        schedule.step()
        if step % 100 == 0 or step == steps - 1:
            losses.append(round(float(loss.detach()), 5))
            print(f"vae {step}/{steps} loss {losses[-1]:.4f} {time.time() - started:.0f} s", flush=True)
    return vae.to(memory_format=torch.contiguous_format).eval(), losses
