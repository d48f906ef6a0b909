"""Pictures of what a slider does while it is still in training."""

from __future__ import annotations

from typing import Any

import torch

STRENGTHS = (-1.0, -0.5, 0.0, 0.5, 1.0)
SEED = 0


class TrainingPreview:
    """One prompt and seed at a few strengths, through ComfyUI's own sampling.

    The prompt is the caption of the first positive picture, unless `preview_prompt` is connected.
    """

    def __init__(self, model, cycle, settings: dict[str, Any]):
        self.model, self.vae, self.settings = model, settings.get("vae"), settings
        if settings["preview_every"] and self.vae is None:
            raise ValueError("Previews need a VAE: connect vae to Train Slider, or set preview_every to 0.")
        self.example = next(e for b in cycle.buckets if b.sign >= 0 for e in b.examples)
        self.positive = settings.get("preview_prompt") or self.example.conditioning

    def picture(self, slider):
        """A labelled strip (a PIL picture), the strengths from left to right."""
        from ..slider_core.applying.sampling import SamplerSettings
        from ..slider_core.evaluation.prompts import Prompt
        from ..slider_core.evaluation.sweep import Sweep, decode, grid_of, sample_sweep, stills
        from ..slider_core.lora.reading import deltas_for

        with torch.inference_mode():
            deltas, _ = deltas_for(self.model, slider)
            prompt = Prompt("preview", self.example.caption, conditioning=self.positive)
            sweep = Sweep((prompt,), (SEED,), STRENGTHS)
            settings = SamplerSettings(self.settings["preview_steps"], self.settings["preview_cfg"])
            latent = torch.zeros_like(self.example.latent)
            latents = sample_sweep(self.model, deltas, sweep, self._negative(), latent, settings)
            return grid_of(sweep, stills(decode(latents, self.vae.decode)))

    def _negative(self) -> list[Any]:
        """The connected negative prompt, else an empty one: all zeros."""
        from nodes import ConditioningZeroOut

        given = self.settings.get("preview_negative")
        return given or ConditioningZeroOut().zero_out(self.positive)[0]
