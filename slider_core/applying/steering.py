"""What words do to a model before anything is trained: practice pictures, and a preview of a direction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from comfy import sample, samplers
from comfy.model_patcher import ModelPatcher
from torch import Tensor

from ..data.words import Words, direction
from .sampling import SamplerSettings


def practice_latents(
    model: ModelPatcher,
    neutral: list[Any],
    negative: list[Any],
    latent: Tensor,
    seeds: Sequence[int],
    settings: SamplerSettings,
) -> list[Tensor]:
    """The model's own pictures of a neutral prompt, as latents [1, …]: what a slider of words is trained on."""
    latent = sample.fix_empty_latent_channels(model, latent)
    return [
        sample.sample(
            model, sample.prepare_noise(latent, seed), settings.steps, settings.cfg, settings.sampler,
            settings.scheduler, neutral, negative, latent, denoise=settings.denoise, disable_pbar=True, seed=seed,
        )
        for seed in seeds
    ]  # fmt: skip


class SteeredGuider(samplers.CFGGuider):  # type: ignore[misc]
    """Guidance plus a strength for each latent times what prompts with more and with less differ by.

    All prompts are rows of one model call, as far as memory allows.
    """

    strengths: Tensor

    def set_words(self, words: Words, strengths: Sequence[float]) -> None:
        self.pairs, self.kept = len(words.more), words.kept
        for side, prompts in (("more", words.more), ("less", words.less)):
            self.inner_set_conds({f"{side}{n}": prompt for n, prompt in enumerate(prompts)})
        self.strengths = words.guidance * torch.tensor(strengths)

    def predict_noise(self, x: Tensor, timestep: Any, model_options: Any = None, seed: Any = None) -> Tensor:
        names = [f"{side}{n}" for side in ("more", "less") for n in range(self.pairs)]
        conds = [self.conds.get(name) for name in ("positive", "negative", *names)]
        with_prompt, without, *others = samplers.calc_cond_batch(
            self.inner_model, conds, x, timestep, model_options or {}
        )
        along = direction(others[: self.pairs], others[self.pairs :], self.kept)
        strengths = self.strengths.to(x).reshape(-1, *[1] * (x.ndim - 1))
        guided: Tensor = without + self.cfg * (with_prompt - without)
        return guided + strengths * along


def preview_latents(
    model: ModelPatcher,
    words: Words,
    neutral: list[Any],
    negative: list[Any],
    latent: Tensor,
    seed: int,
    strengths: Sequence[float],
    settings: SamplerSettings,
) -> Tensor:
    """Latents [len(strengths), …] of one noise, each moved along the words' direction by its strength, untrained."""
    latent = sample.fix_empty_latent_channels(model, latent)
    each = [len(strengths), *[1] * (latent.ndim - 1)]
    guider = SteeredGuider(model)
    guider.set_conds(neutral, negative)
    guider.set_words(words, strengths)
    guider.set_cfg(settings.cfg)
    sampler = samplers.KSampler(
        model, settings.steps, model.load_device, settings.sampler, settings.scheduler, settings.denoise,
        model_options=model.model_options,
    )  # fmt: skip
    noise = sample.prepare_noise(latent, seed).repeat(each)
    result: Tensor = guider.sample(
        noise, latent.repeat(each), samplers.sampler_object(settings.sampler), sampler.sigmas,
        disable_pbar=True, seed=seed,
    )  # fmt: skip
    return result
