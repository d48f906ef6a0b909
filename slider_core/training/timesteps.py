"""Which noise level a step trains at: the density that each kind of model is usually trained with."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor


def draw_levels(count: int, density: str, is_flow: bool, generator: Generator) -> Tensor:
    """`count` noise levels in (0, 1), 0 the clean picture and 1 pure noise, before the model's own shift.

    `low` is logit-normal around a quarter (mean −1), where small things take shape. `auto` is
    logit-normal for flow models (Esser et al. 2024, section 3.1) and uniform for noise models.
    """
    if density == "low":
        levels = (torch.randn(count, generator=generator) - 1).sigmoid()
    elif density == "logit_normal" or (density == "auto" and is_flow):
        levels = torch.randn(count, generator=generator).sigmoid()
    else:
        levels = torch.rand(count, generator=generator)
    return levels.clamp(1e-3, 1 - 1e-3)


def sigmas_at(levels: Tensor, percent_to_sigma: Callable[[float], float]) -> Tensor:
    """The model's sigmas at these levels, its shift included; float32 [count]."""
    return torch.tensor([float(percent_to_sigma(1.0 - level)) for level in levels.tolist()])
