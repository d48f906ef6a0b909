"""Measures faces from their pixels: a small network that was trained on drawn faces, seen through the VAE.

    python3 scripts/run.py python scripts/demo/measure.py     its accuracy on faces it has never seen

It knows smiles half again as strong as the tiny model's training pictures hold, so that it can tell when a slider
goes beyond them.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent))

from faces import BACKGROUNDS, HAIRS, SHIRTS, SKINS, STYLES, Face

WEIGHTS = Path(__file__).resolve().parent / "measure.safetensors"
WIDEN = 1.6  # how far smiles go in its training pictures
PALETTES = {"hair": HAIRS, "skin": SKINS, "shirt": SHIRTS, "background": BACKGROUNDS}

# name -> mean and deviation of the attribute among random faces
NUMBERS = {
    "smile": (0.0, 0.577),
    "eye_brightness": (0.5, 0.289),
    "eye_size": (1.0, 0.115),
    "face_size": (1.0, 0.058),
    "x": (0.0, 0.046),
    "y": (0.0, 0.035),
}
CHOICES = {
    "hair": tuple(HAIRS),
    "style": STYLES,
    "skin": tuple(SKINS),
    "shirt": tuple(SHIRTS),
    "background": tuple(BACKGROUNDS),
    "glasses": (False, True),
}


class Measure(nn.Sequential):
    """Pictures [N, 3, 128, 128] in 0..1 to one output a number and one a choice."""

    def __init__(self) -> None:
        widths = (3, 24, 32, 48, 64, 64)
        layers: list[nn.Module] = []
        for before, after in zip(widths[:-1], widths[1:], strict=True):
            layers += [nn.Conv2d(before, after, 3, 2, 1), nn.GroupNorm(8, after), nn.SiLU()]
        outputs = len(NUMBERS) + sum(len(choice) for choice in CHOICES.values())
        super().__init__(*layers, nn.Flatten(), nn.Linear(64 * 16, 128), nn.SiLU(), nn.Linear(128, outputs))


def split(outputs: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The numbers, in deviations from the mean, and each choice's scores."""
    numbers, *choices = outputs.split([len(NUMBERS), *(len(choice) for choice in CHOICES.values())], dim=1)
    return numbers, choices


def load() -> Measure:
    from safetensors.torch import load_file

    network = Measure()
    network.load_state_dict({name: weight.float() for name, weight in load_file(WEIGHTS).items()})
    return network.eval()


@torch.no_grad()
def measure(network: Measure, pictures: Tensor) -> dict[str, np.ndarray]:
    """Every attribute of pictures [N, 128, 128, 3] in 0..1: numbers in their own units, choices by name."""
    numbers, choices = split(network(pictures.float().movedim(-1, 1)))
    found = {
        name: (numbers[:, i] * deviation + mean).numpy()
        for i, (name, (mean, deviation)) in enumerate(NUMBERS.items())
    }
    for (name, names), scores in zip(CHOICES.items(), choices, strict=True):
        found[name] = np.array(names)[scores.argmax(1).numpy()]
    return found


def targets(faces: list[Face]) -> tuple[Tensor, list[Tensor]]:
    numbers = [
        [(getattr(face, n) - mean) / deviation for n, (mean, deviation) in NUMBERS.items()] for face in faces
    ]
    choices = [torch.tensor([names.index(getattr(face, n)) for face in faces]) for n, names in CHOICES.items()]
    return torch.tensor(numbers, dtype=torch.float32), choices


def train(
    pictures: Tensor, faces: list[Face], steps: int, batch: int, device: str
) -> tuple[Measure, list[float]]:
    """The trained network and its losses. `pictures` are uint8 [N, 3, 128, 128]."""
    network = Measure().to(device)
    numbers, choices = targets(faces)
    numbers, choices = numbers.to(device), [choice.to(device) for choice in choices]
    pictures = pictures.to(device)
    optimiser = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, steps)
    losses, started = [], time.time()
    for step in range(steps):
        chosen = torch.randint(0, len(pictures), (batch,), device=device)
        shown = pictures[chosen].float() / 255
        shown = shown + 0.02 * torch.rand(batch, 1, 1, 1, device=device) * torch.randn_like(shown)
        found, scores = split(network(shown))
        loss = (found - numbers[chosen]).square().mean()
        for score, choice in zip(scores, choices, strict=True):
            loss = loss + 0.2 * nn.functional.cross_entropy(score, choice[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 0 or step == steps - 1:
            losses.append(round(float(loss.detach()), 5))
    print(f"measure {steps} steps loss {losses[-1]:.4f} {time.time() - started:.0f} s", flush=True)
    return network.eval(), losses


def accuracy(found: dict[str, np.ndarray], faces: list[Face]) -> dict[str, float]:
    """Per number the correlation with the truth, per choice the share that is right."""
    result = {}
    for name in NUMBERS:
        result[name] = float(np.corrcoef(found[name], [getattr(face, name) for face in faces])[0, 1])
    for name in CHOICES:
        result[name] = float(np.mean(found[name] == np.array([getattr(face, name) for face in faces])))
    return result


def main() -> None:
    """Draws faces that the network has never seen, passes them through the VAE, and compares what it says."""
    import comfy.sd
    import comfy.utils
    from draw_faces import draw_many
    from faces import random_faces

    weights = comfy.utils.load_torch_file(str(WEIGHTS.with_name("tiny_faces.safetensors")))
    prefix = "first_stage_model."
    vae = comfy.sd.VAE({name.removeprefix(prefix): w for name, w in weights.items() if name.startswith(prefix)})
    faces = random_faces(100, seed=2024)
    drawn = torch.from_numpy(draw_many(faces)).float() / 255
    with torch.inference_mode():
        decoded = torch.cat([vae.decode(vae.encode(part)) for part in drawn.split(20)])
    psnr = -10 * (decoded - drawn).square().mean(dim=(1, 2, 3)).log10().mean()
    print(f"VAE: {psnr:.1f} dB on {len(faces)} unseen faces")
    found = measure(load(), decoded)
    for name, value in accuracy(found, faces).items():
        print(f"{name:16}" + (f"r = {value:.3f}" if name in NUMBERS else f"{value:.0%} right"))


if __name__ == "__main__":
    main()
