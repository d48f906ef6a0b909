"""The full-rank difference: every number of the weight, and of the bias, may change."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..architectures.target import Target
from ..layers import Shape, along_channels, apply_weight
from .base import Adapter, AdapterConfig, put


class Full(Adapter):
    """As large as the target itself. Option `train_bias` (default true, as in LyCORIS)."""

    kind = "full"
    MERGES = True
    OPTIONS = frozenset({"train_bias"})

    def __init__(self, target: Target, shape: Shape, config: AdapterConfig):
        super().__init__(target, shape, config)
        self.diff = nn.Parameter(torch.zeros(shape.full))
        self.diff_b: nn.Parameter | None = None
        self._train_bias = bool(config.options.get("train_bias", True))

    def made_for(self, layer: nn.Module) -> None:
        """Changes the bias too, of a layer that has one."""
        super().made_for(layer)
        if self._train_bias and getattr(layer, "bias", None) is not None:
            self.diff_b = nn.Parameter(torch.zeros(self.shape.rows))

    def addition(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor) -> Tensor:
        added = apply_weight(layer, x, self.diff.to(x.dtype))
        if self.diff_b is not None:
            added = added + along_channels(self.diff_b, added, layer)
        kept = self.mask(self.shape.rows, added)
        return (added if kept is None else added * along_channels(kept, added, layer)) * scale

    def tensors(self) -> dict[str, Tensor]:
        return {"diff": self.diff} if self.diff_b is None else {"diff": self.diff, "diff_b": self.diff_b}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        put(self.diff, tensors["diff"])
        if self.diff_b is not None:
            put(self.diff_b, tensors["diff_b"])
