"""Optimisers and learning-rate schedules, by the names that the node shows; all from torch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.optim import Optimizer

from ..settings.training import OPTIMISERS

BY_NUMBER = ("AdamW", "Adam", "RAdam", "NAdam", "SGD")  # each number's step depends on that number alone
FUSED = ("AdamW", "Adam")


def make_optimiser(
    name: str, parameters: Sequence[nn.Parameter], learning_rate: float, weight_decay: float
) -> Optimizer:
    """The torch optimiser `name` over `parameters`, in few kernels where it is on a CUDA device.

    Raises:
        ValueError: for a name that is not in OPTIMISERS.
    """
    if name not in OPTIMISERS:
        raise ValueError(f"There is no optimiser {name!r}; choose one of {', '.join(OPTIMISERS)}.")
    fused = {"fused": True} if name in FUSED and all(p.is_cuda for p in parameters) else {}
    return getattr(torch.optim, name)(parameters, lr=learning_rate, weight_decay=weight_decay, **fused)


def rate_at(step: int, steps: int, schedule: str, warmup: int) -> float:
    """The factor on the learning rate at `step` of `steps` (from 0): linear warm-up, then the schedule to 0."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return falling((step - warmup) / max(1, steps - warmup), schedule)


def falling(done: float, schedule: str) -> float:
    """The factor on the learning rate when this part (0 to 1) of its fall is done."""
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * done))
    return 1 - done if schedule == "linear" else 1.0
