"""Pictures of what a slider does while it is still in training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ..applying.sampling import SamplerSettings
from ..evaluation.prompts import Prompt
from ..evaluation.report import Report
from ..evaluation.sweep import Sweep, Variant, decode, grid_of, report_on, sample_sweep, stills
from ..lora.reading import deltas_for
from ..settings import SettingsError, TrainSettings
from .parts import Parts

STRENGTHS = (-1.0, -0.5, 0.0, 0.5, 1.0)
SEED = 0
# Of the finished slider, for its range and response.
MEASURED = (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0)
MEASURED_SEEDS = (1, 2)


class TrainingPreview:
    """One prompt and seed at a few strengths, through ComfyUI's own sampling.

    The prompt is the caption of the first positive picture, unless there is a `preview_prompt`.
    """

    def __init__(self, parts: Parts, settings: TrainSettings):
        if settings.preview_every and parts.vae is None:
            raise SettingsError("Previews need a VAE: connect vae to Train Slider, or set preview_every to 0.")
        self.parts, self.settings = parts, settings
        self.example = next(e for b in parts.cycle.buckets if b.sign >= 0 for e in b.examples)
        self.positive = parts.preview_prompt or self.example.conditioning

    def picture(self, slider: Mapping[str, Tensor]) -> Image.Image:
        """A labelled strip, the strengths from left to right."""
        sweep, pictures = self._swept(slider, (SEED,), STRENGTHS)
        return grid_of(sweep, stills(pictures))

    def report(self, slider: Mapping[str, Tensor]) -> Report:
        """What a sweep of two seeds says of the finished slider."""
        return report_on(*self._swept(slider, MEASURED_SEEDS, MEASURED))

    def _swept(
        self, slider: Mapping[str, Tensor], seeds: tuple[int, ...], strengths: tuple[float, ...]
    ) -> tuple[Sweep, Tensor]:
        with torch.inference_mode():
            deltas, _ = deltas_for(self.parts.model, slider)
            prompt = Prompt("preview", self.example.caption, conditioning=self.positive)
            sweep = Sweep((prompt,), seeds, strengths)
            settings = SamplerSettings(self.settings.preview_steps, self.settings.preview_cfg)
            latent = torch.zeros_like(self.example.latent)
            negative = self.parts.preview_negative or empty_like(self.positive)
            variant = Variant(self.parts.model, deltas)
            latents = sample_sweep([variant], sweep, negative, latent, settings)
            return sweep, decode(latents, self.parts.vae.decode)


def empty_like(conditioning: list[Any]) -> list[Any]:
    """An empty prompt for a model: all zeros, as ComfyUI's ConditioningZeroOut makes it."""
    pooled = ("pooled_output", "conditioning_lyrics")
    return [
        [
            torch.zeros_like(tensor),
            {k: torch.zeros_like(v) if k in pooled and v is not None else v for k, v in options.items()},
        ]
        for tensor, options in conditioning
    ]
