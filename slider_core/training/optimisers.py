"""Optimisers, by the names that the node shows; all from torch."""

from __future__ import annotations

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
