"""A strength sweep: every prompt and seed at every strength, through ComfyUI's own sampling."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from comfy.model_patcher import ModelPatcher
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ..applying.apply import AppliedSlider, apply_slider
from ..applying.sampling import OnStep, SamplerSettings, sample_strengths
from ..strength import Delta
from .grid import render_grid
from .lettering import legible
from .prompts import Prompt
from .report import Report, report

NAME = "concept_sliders.sweep"  # picks the swept slider among others on the model

# The report looks at pictures of MEASURED pixels (the longer side), and FRAMES frames of a video: blurred so far, a
# moved edge changes a picture in proportion to how far it has moved. At 64 pixels, drawn smiles, sizes and places
# that change evenly seem to stop halfway (tests/evaluation/test_report_on_faces.py).
MEASURED, FRAMES = 24, 16


@dataclass(frozen=True)
class Sweep:
    """What is to be rendered: a row for each prompt and seed, a column for each strength.

    Attributes:
        prompts: encoded; their own strengths are not used, since every one is swept.
        strengths: 0 among them, which is the reference of the report.
    """

    prompts: tuple[Prompt, ...]
    seeds: tuple[int, ...]
    strengths: tuple[float, ...]

    @property
    def rows(self) -> list[tuple[Prompt, int]]:
        return [(prompt, seed) for prompt in self.prompts for seed in self.seeds]

    @property
    def row_labels(self) -> list[tuple[str, str]]:
        return [(prompt.text or prompt.name, f"seed {seed}") for prompt, seed in self.rows]

    @property
    def column_labels(self) -> list[str]:
        return [f"{strength:+.3g}" if strength else "0" for strength in self.strengths]


def sample_sweep(
    model: ModelPatcher,
    deltas: Mapping[str, Sequence[Delta]],
    sweep: Sweep,
    negative: list[Any],
    latent: Tensor,
    settings: SamplerSettings,
    most: int = 0,
    on_step: OnStep | None = None,
    mask: Tensor | None = None,
    on_row: Callable[[Tensor], None] | None = None,
) -> Tensor:
    """The latents of the sweep, [rows, strengths, C, …].

    Args:
        deltas: the slider's adapters by layer name.
        latent: one latent to start from, [1, C, …].
        most: latents in one batch; 0 leaves it to the memory.
        on_step: called with steps done and all steps (a step of one latent counts 1), and the denoised latents.
        mask: noise mask of the latent.
        on_row: called with the latents [strengths, C, …] of each row that is done.
    """
    patched = apply_slider(model, AppliedSlider(deltas, 0.0, NAME))
    each = len(sweep.strengths) * settings.steps
    latents = []
    for index, (prompt, seed) in enumerate(sweep.rows):
        assert prompt.conditioning is not None, "prompts are encoded before they are swept"
        counted = _shifted(on_step, index * each, len(sweep.rows) * each)
        latents.append(
            sample_strengths(
                patched, NAME, prompt.conditioning, negative, latent, seed, sweep.strengths, settings, most,
                counted, mask,
            )
        )  # fmt: skip
        if on_row is not None:
            on_row(latents[-1])
    return torch.stack(latents)


def _shifted(on_step: OnStep | None, before: int, whole: int) -> OnStep | None:
    if on_step is None:
        return None
    return lambda done, _, denoised: on_step(before + done, whole, denoised)


def decode(latents: Tensor, vae_decode: Callable[[Tensor], Tensor]) -> Tensor:
    """Pictures [rows, strengths, frames, H, W, 3] in 0..1 of latents; an image is one frame."""
    rows = []
    for row in latents:
        pictures = vae_decode(row)
        if pictures.ndim == 4:
            pictures = pictures.unflatten(0, (len(row), -1))
        rows.append(pictures[..., :3].float().cpu())
    return torch.stack(rows)


def stills(pictures: Tensor) -> Tensor:
    """One picture of each: [rows, strengths, H, W, 3], of videos the middle frame."""
    return pictures[:, :, pictures.shape[2] // 2]


def grid_of(sweep: Sweep, pictures: Tensor) -> Image.Image:
    """The labelled grid of stills [rows, strengths, H, W, 3], all rows or the first ones."""
    as_bytes = (pictures.clamp(0, 1) * 255).round().byte().numpy()
    rows = [[Image.fromarray(picture) for picture in row] for row in as_bytes]
    labels = [
        (text if legible(text) else prompt.name, note)
        for (text, note), (prompt, _) in zip(sweep.row_labels, sweep.rows, strict=True)
    ]
    return render_grid(rows, labels[: len(rows)], sweep.column_labels, sweep.strengths.index(0.0))


def small(pictures: Tensor) -> np.ndarray:
    """Pictures [strengths, frames, H, W, 3] as the report looks at them: [strengths, frames, 3, h, w]."""
    frames = pictures.shape[1]
    kept = torch.linspace(0, frames - 1, min(frames, FRAMES)).round().long()
    flat = pictures[:, kept].flatten(0, 1).movedim(-1, 1)
    scale = min(1.0, MEASURED / max(flat.shape[-2:]))
    height, width = (max(1, round(side * scale)) for side in flat.shape[-2:])
    return functional.adaptive_avg_pool2d(flat, (height, width)).unflatten(0, (len(pictures), -1)).numpy()


def report_on(sweep: Sweep, pictures: Tensor) -> Report:
    """The report on pictures [rows, strengths, frames, H, W, 3], measured on small copies of them.

    What changes on neutral prompts counts as leak, unless there are no others.
    """
    rows = list(zip(sweep.rows, map(small, pictures), strict=True))
    moved = [row for (prompt, _), row in rows if not prompt.neutral]
    neutral = [row for (prompt, _), row in rows if prompt.neutral]
    return report(sweep.strengths, moved or neutral, neutral if moved else [])
