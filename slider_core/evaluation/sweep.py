"""A strength sweep: every prompt and seed at every strength, through ComfyUI's own sampling."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from comfy.model_patcher import ModelPatcher
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ..applying.apply import AppliedSlider, apply_slider
from ..applying.sampling import OnStep, SamplerSettings, sample_strengths
from ..curve import Curve
from ..settings import SweepSettings
from ..strength import Delta
from .grid import render_grid
from .lettering import legible
from .prompts import Prompt
from .report import Report, report
from .strengths import sweep_strengths

NAME = "concept_sliders.sweep"  # picks the swept slider among others on the model

# The report looks at pictures of MEASURED pixels (the longer side), and FRAMES frames of a video: blurred so far, a
# moved edge changes a picture in proportion to how far it has moved. At 64 pixels, drawn smiles, sizes and places
# that change evenly seem to stop halfway (tests/evaluation/test_report_on_faces.py).
MEASURED, FRAMES = 24, 16


class Row(NamedTuple):
    """A row of the grid: a prompt and a seed at one place of the second axis."""

    prompt: Prompt
    seed: int
    second: int


@dataclass(frozen=True)
class Variant:
    """A place of the second axis: the model there, and the slider that is swept on it, by layer name.

    Attributes:
        curve: what the strengths of the sweep mean for this slider; None: they are raw.
    """

    model: ModelPatcher
    deltas: Mapping[str, Sequence[Delta]]
    curve: Curve | None = None


@dataclass(frozen=True)
class Sweep:
    """What is to be rendered: a row for each prompt, seed and place of the second axis, a column for each strength.

    Attributes:
        prompts: encoded; their own strengths are not used, since every one is swept.
        strengths: 0 among them, which is the reference of the report.
        second: labels of the second axis: files, or strengths of another slider. One empty label: there is none.
    """

    prompts: tuple[Prompt, ...]
    seeds: tuple[int, ...]
    strengths: tuple[float, ...]
    second: tuple[str, ...] = ("",)

    @classmethod
    def of(cls, settings: SweepSettings, prompts: Sequence[Prompt], second: Sequence[str] = ("",)) -> Sweep:
        """The sweep that these settings ask for.

        Raises:
            StrengthsError: if their strengths are none.
        """
        seeds = tuple((settings.seed + more) % 2**64 for more in range(settings.seeds))
        return cls(tuple(prompts), seeds, tuple(sweep_strengths(settings.strengths)), tuple(second))

    @property
    def rows(self) -> list[Row]:
        """The second axis runs fastest: rows that differ in nothing else lie below each other."""
        places = range(len(self.second))
        return [Row(prompt, seed, at) for prompt in self.prompts for seed in self.seeds for at in places]

    @property
    def row_labels(self) -> list[tuple[str, str]]:
        return [(row.prompt.text or row.prompt.name, self._note(row)) for row in self.rows]

    def _note(self, row: Row) -> str:
        return " · ".join(filter(None, (f"seed {row.seed}", self.second[row.second])))

    @property
    def column_labels(self) -> list[str]:
        return [f"{strength:+.3g}" if strength else "0" for strength in self.strengths]


def sampler_of(settings: SweepSettings) -> SamplerSettings:
    """The sampler that these settings ask for."""
    return SamplerSettings(
        settings.steps, settings.cfg, settings.sampler_name, settings.scheduler, settings.denoise
    )


def sample_sweep(
    variants: Sequence[Variant],
    sweep: Sweep,
    negative: list[Any],
    latent: Tensor,
    settings: SamplerSettings,
    most: int = 0,
    on_step: OnStep | None = None,
    mask: Tensor | None = None,
    on_row: Callable[[int, Tensor], None] | None = None,
) -> Tensor:
    """The latents of the sweep, [rows, strengths, C, …], made one variant after the other.

    Args:
        variants: one for each place of the second axis.
        latent: one latent to start from, [1, C, …].
        most: latents in one batch; 0 leaves it to the memory.
        on_step: called with steps done and all steps (a step of one latent counts 1), and the denoised latents.
        mask: noise mask of the latent.
        on_row: called with the place and the latents [strengths, C, …] of each row that is done.
    """
    each = len(sweep.strengths) * settings.steps
    latents: dict[int, Tensor] = {}
    for place, row in sorted(enumerate(sweep.rows), key=lambda entry: entry[1].second):
        variant = variants[row.second]
        assert row.prompt.conditioning is not None, "prompts are encoded before they are swept"
        patched = apply_slider(variant.model, AppliedSlider(variant.deltas, 0.0, NAME, curve=variant.curve))
        counted = _shifted(on_step, len(latents) * each, len(sweep.rows) * each)
        latents[place] = sample_strengths(
            patched, NAME, row.prompt.conditioning, negative, latent, row.seed, sweep.strengths, settings, most,
            counted, mask,
        )  # fmt: skip
        if on_row is not None:
            on_row(place, latents[place])
    return torch.stack([latents[place] for place in range(len(latents))])


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


def grid_of(sweep: Sweep, pictures: Tensor, places: Sequence[int] | None = None) -> Image.Image:
    """The labelled grid of stills [rows, strengths, H, W, 3], all rows or those at these places."""
    as_bytes = (pictures.clamp(0, 1) * 255).round().byte().numpy()
    rows = [[Image.fromarray(picture) for picture in row] for row in as_bytes]
    labels = [
        (text if legible(text) else row.prompt.name, note)
        for (text, note), row in zip(sweep.row_labels, sweep.rows, strict=True)
    ]
    shown = range(len(labels)) if places is None else places
    return render_grid(
        rows, [labels[place] for place in shown], sweep.column_labels, sweep.strengths.index(0.0)
    )


def ends_of(sweep: Sweep, pictures: Tensor, usable: tuple[float, float]) -> Image.Image | None:
    """The first row of stills [rows, strengths, H, W, 3] at both ends of the usable range, side by side."""
    low, high = usable
    if not low < high:
        return None
    ends = torch.cat([pictures[0, sweep.strengths.index(end)] for end in usable], dim=1)
    return Image.fromarray((ends.clamp(0, 1) * 255).round().byte().numpy())


def small(pictures: Tensor) -> np.ndarray:
    """Pictures [strengths, frames, H, W, 3] as the report looks at them: [strengths, frames, 3, h, w]."""
    frames = pictures.shape[1]
    kept = torch.linspace(0, frames - 1, min(frames, FRAMES)).round().long()
    flat = pictures[:, kept].flatten(0, 1).movedim(-1, 1)
    scale = min(1.0, MEASURED / max(flat.shape[-2:]))
    height, width = (max(1, round(side * scale)) for side in flat.shape[-2:])
    return functional.adaptive_avg_pool2d(flat, (height, width)).unflatten(0, (len(pictures), -1)).numpy()


def report_on(sweep: Sweep, pictures: Tensor, second: int = 0) -> Report:
    """The report on pictures [rows, strengths, frames, H, W, 3], measured on small copies of them.

    What changes on neutral prompts counts as leak, unless there are no others.

    Args:
        second: the place of the second axis whose rows are looked at.
    """
    looked_at = [
        (row, of_row) for row, of_row in zip(sweep.rows, pictures, strict=True) if row.second == second
    ]
    rows = [(row.prompt, small(of_row)) for row, of_row in looked_at]
    moved = [row for prompt, row in rows if not prompt.neutral]
    neutral = [row for prompt, row in rows if prompt.neutral]
    return report(sweep.strengths, moved or neutral, neutral if moved else [])
