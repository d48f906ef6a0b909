"""Pictures of what a slider does while it is still in training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ..applying.sampling import SamplerSettings
from ..evaluation.prompts import Prompt
from ..evaluation.sweep import Sweep, Variant, decode, grid_of, sample_sweep, stills
from ..lora.reading import deltas_for
from ..settings import SettingsError, TrainSettings
from .parts import Parts

STRENGTHS = (-1.0, -0.5, 0.0, 0.5, 1.0)
SEED = 0


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
        with torch.inference_mode():
            deltas, _ = deltas_for(self.parts.model, slider)
            prompt = Prompt("preview", self.example.caption, conditioning=self.positive)
            sweep = Sweep((prompt,), (SEED,), STRENGTHS)
            settings = SamplerSettings(self.settings.preview_steps, self.settings.preview_cfg)
            latent = torch.zeros_like(self.example.latent)
            negative = self.parts.preview_negative or empty_like(self.positive)
            variant = Variant(self.parts.model, deltas)
            latents = sample_sweep([variant], sweep, negative, latent, settings)
            return grid_of(sweep, stills(decode(latents, self.parts.vae.decode)))


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
