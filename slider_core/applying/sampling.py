"""Sampling as the stock KSampler does it, with a strength for each latent of a batch."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from comfy import model_management, sample
from comfy.k_diffusion import sampling as k_diffusion
from comfy.model_patcher import ModelPatcher
from torch import Tensor

from ..strength import StrengthError, with_strength

# Deterministic samplers that are no function `sample_<name>` of k_diffusion.
DETERMINISTIC = ("ddim", "uni_pc", "uni_pc_bh2")


class LatentError(ValueError):
    """The size or the latents given do not fit the model."""


@dataclass(frozen=True)
class SamplerSettings:
    """The widgets of a KSampler.

    Raises:
        ValueError: for a number that is not finite, which a widget's limits let through.
    """

    steps: int = 20
    cfg: float = 1.0
    sampler: str = "euler"
    scheduler: str = "simple"
    denoise: float = 1.0

    def __post_init__(self) -> None:
        for name in ("cfg", "denoise"):
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"{name} must be a finite number; it is {getattr(self, name)}.")


# Called after each step of a batch with the steps done, all steps (a step of one latent counts 1), and the
# denoised latents as they are so far.
OnStep = Callable[[int, int, Tensor], None]

# What ComfyUI's samplers call after a step: its index, the picture so far, the latent, the number of steps.
Callback = Callable[[int, Tensor, Tensor, int], None]


def empty_latent(model: ModelPatcher, width: int, height: int, length: int = 1) -> Tensor:
    """An empty latent [1, C, (T,) H, W] in the model's own format, for pictures of `width` x `height` pixels.

    Raises:
        LatentError: for models that make no pictures, and pictures smaller than one latent pixel.
    """
    form = model.get_model_object("latent_format")
    if form.latent_dimensions == 1:
        raise LatentError("This model makes sound; a sweep needs a model that makes pictures or videos.")
    ratio = form.spacial_downscale_ratio
    if min(width, height) < ratio:
        raise LatentError(f"{width} x {height} pixels are too few: this model needs {ratio} x {ratio} or more.")
    frames = [(length - 1) // form.temporal_downscale_ratio + 1] if form.latent_dimensions == 3 else []
    size = [1, form.latent_channels, *frames, height // ratio, width // ratio]
    return torch.zeros(size, device=model_management.intermediate_device())


def sample_strengths(
    model: ModelPatcher,
    slider: str,
    positive: list[Any],
    negative: list[Any],
    latent: Tensor,
    seed: int,
    strengths: Sequence[float],
    settings: SamplerSettings,
    most: int = 0,
    on_step: OnStep | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Latents [len(strengths), …] of the same noise at these strengths, as many at once as `most` and memory allow.

    Each equals what a KSampler of its own gives with that seed and strength. Samplers that draw noise on the
    way would give every latent of a batch noise of its own, so with these each latent is a batch. Batches are
    halved where memory runs out, and where a model mixes rows so that they cannot have strengths of their own.

    Args:
        slider: name of an applied slider; strengths are for it alone, other sliders keep theirs.
        latent: one latent to start from, [1, …].
        most: latents in one batch; 0 leaves it to the memory.
        mask: noise mask of the latent: where it is 1, the picture is made anew.

    Raises:
        LatentError: if `latent` holds several.
    """
    if latent.shape[0] != 1:
        raise LatentError(f"One latent is needed to start from, but {latent.shape[0]} are given.")
    latent = sample.fix_empty_latent_channels(model, latent)
    size = batch_size(model, latent, len(strengths), most) if draws_no_noise(settings.sampler) else 1
    done: list[Tensor] = []
    while len(done) < len(strengths):
        batch = strengths[len(done) : len(done) + size]
        callback = _counting(on_step, len(done), len(batch), len(strengths), settings.steps)
        try:
            done += _sample_batch(
                model, slider, positive, negative, latent, seed, batch, settings, callback, mask
            )
        except Exception as error:
            if not isinstance(error, StrengthError):
                model_management.raise_non_oom(error)
            if len(batch) == 1:
                raise
            size = len(batch) // 2
    return torch.stack(done)


def draws_no_noise(sampler: str) -> bool:
    """Whether a sampler's result is decided by its first noise alone, each latent for itself."""
    function = getattr(k_diffusion, f"sample_{sampler}", None)
    if function is None:
        return sampler in DETERMINISTIC
    return "noise_sampler" not in inspect.signature(function).parameters


def batch_size(model: ModelPatcher, latent: Tensor, wanted: int, most: int) -> int:
    """How many latents one batch may hold, by ComfyUI's own estimate for prompt and negative together."""
    model_management.load_models_gpu([model])
    need = model.model.memory_required([2, *latent.shape[1:]]) * 1.5
    fitting = int(model.get_free_memory(model.load_device) // need)
    return max(1, min(wanted, fitting, most or wanted))


def _sample_batch(
    model: ModelPatcher,
    slider: str,
    positive: list[Any],
    negative: list[Any],
    latent: Tensor,
    seed: int,
    strengths: Sequence[float],
    settings: SamplerSettings,
    callback: Callback,
    mask: Tensor | None,
) -> Tensor:
    each = [len(strengths), *[1] * (latent.ndim - 1)]
    return sample.sample(
        model, sample.prepare_noise(latent, seed).repeat(each),
        settings.steps, settings.cfg, settings.sampler, settings.scheduler,
        at_strengths(positive, slider, strengths), at_strengths(negative, slider, strengths),
        latent.repeat(each), denoise=settings.denoise, noise_mask=mask, callback=callback, disable_pbar=True,
        seed=seed,
    )  # fmt: skip


def at_strengths(conditioning: list[Any], slider: str, strengths: Sequence[float]) -> list[Any]:
    """A copy of a CONDITIONING in which `slider` has these strengths, one a latent, and others keep theirs."""
    return [[tensor, with_strength(options, list(strengths), slider)] for tensor, options in conditioning]


def _counting(on_step: OnStep | None, before: int, batch: int, latents: int, steps: int) -> Callback:
    def callback(step: int, denoised: Tensor, x: Tensor, total: int) -> None:
        if on_step is not None:
            on_step(
                before * steps + round((step + 1) * batch * steps / max(1, total)), latents * steps, denoised
            )

    return callback
