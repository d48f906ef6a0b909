"""From words to what a slider is trained on: their direction, practice pictures, and a preview without training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..applying.sampling import SamplerSettings, empty_latent
from ..applying.steering import practice_latents, preview_latents
from ..data import Bucket, Cycle, Example, Words, describe_cycle, kept_values, phrases
from ..evaluation import Prompt
from ..evaluation.sweep import Sweep, decode, stills
from ..settings import CycleSettings, WordsSettings

SHOWN = (-1.0, -0.5, 0.0, 0.5, 1.0)  # strengths of the preview


@dataclass(frozen=True)
class Practice:
    """Words on a model.

    Attributes:
        pairs: the prompts that are compared.
        neutral, negative: CONDITIONING of the practice pictures.
    """

    model: Any
    settings: WordsSettings
    pairs: tuple[tuple[str, str], ...]
    words: Words
    neutral: list[Any]
    negative: list[Any]

    @classmethod
    def of(cls, model: Any, clip: Any, settings: WordsSettings, negative: list[Any] | None = None) -> Practice:
        """The words of these settings, encoded by ComfyUI's CLIP; `negative` is an empty prompt unless given.

        Raises:
            WordsError: for words without a difference, before anything is encoded.
        """
        pairs = tuple(phrases(settings.more, settings.less, settings.preserve))

        def encoded(text: str) -> list[Any]:
            conditioning: list[Any] = clip.encode_from_tokens_scheduled(clip.tokenize(text))
            return conditioning

        more, less = (tuple(encoded(pair[side]) for pair in pairs) for side in (0, 1))
        words = Words(more, less, settings.guidance, kept_values(settings.preserve))
        return cls(model, settings, pairs, words, encoded(settings.neutral), negative or encoded(""))

    @property
    def sampler(self) -> SamplerSettings:
        chosen = self.settings
        return SamplerSettings(chosen.steps, chosen.cfg, chosen.sampler_name, chosen.scheduler)

    @property
    def empty(self) -> Tensor:
        return empty_latent(self.model, self.settings.width, self.settings.height)

    def cycle(self) -> Cycle:
        """Samples the practice pictures, and trains both signs on them."""
        first = self.settings.seed
        seeds = [(first + number) % 2**64 for number in range(self.settings.pictures)]
        with torch.inference_mode():
            latents = practice_latents(self.model, self.neutral, self.negative, self.empty, seeds, self.sampler)
        examples = tuple(
            Example(f"{number}", self.settings.neutral, latent, self.neutral, words=self.words)
            for number, latent in enumerate(latents)
        )
        buckets = (Bucket("words, more", examples, 1.0), Bucket("words, less", examples, -1.0))
        return Cycle.of(buckets, CycleSettings(pairing="name", neutral="off", seed=first))

    def preview(self, vae: Any) -> tuple[Sweep, Tensor]:
        """The first practice picture at the strengths SHOWN, steered and not trained; stills [1, 5, H, W, 3]."""
        seed = self.settings.seed
        sweep = Sweep((Prompt("before training", "before training"),), (seed,), SHOWN)
        with torch.inference_mode():
            latents = preview_latents(
                self.model, self.words, self.neutral, self.negative, self.empty, seed, SHOWN, self.sampler
            )
            return sweep, stills(decode(latents[None], vae.decode))

    def plan(self, cycle: Cycle) -> str:
        """Which prompts are compared, and the first draws."""
        compared = [f"{more}  against  {less}" for more, less in self.pairs]
        trained_on = f"trained on {self.settings.pictures} pictures of: {self.settings.neutral}"
        return "\n".join([*compared, trained_on, describe_cycle(cycle)])
