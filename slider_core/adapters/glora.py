"""GLoRA: the weight changes by W·A + B, both of low rank (arXiv 2306.07967)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..architectures.target import Target
from ..layers import Shape, apply_pointwise, through_base
from .base import Adapter, AdapterConfig, put
from .lora import addition as lora_addition

NAMES = ("a1", "a2", "b1", "b2")


class Glora(Adapter):
    """A = a1 · a2 acts on the layer's input, B = b1 · b2 is a LoRA. Option: `use_scalar`."""

    kind = "glora"
    GROUPS = False
    OPTIONS = frozenset({"use_scalar"})

    def __init__(self, target: Target, shape: Shape, config: AdapterConfig):
        super().__init__(target, shape, config)
        self.rank, self.alpha = config.rank_for(shape), config.alpha_for(shape)
        self.a1 = nn.Parameter(torch.empty(shape.columns, self.rank, *shape.ones))
        self.a2 = nn.Parameter(torch.zeros(self.rank, shape.columns, *shape.ones))
        self.b1 = nn.Parameter(torch.empty(shape.rows, self.rank, *shape.ones))
        self.b2 = nn.Parameter(torch.zeros(self.rank, shape.columns, *shape.kernel))
        self.scalar = nn.Parameter(torch.zeros(())) if config.options.get("use_scalar") else None
        for start in (self.a1, self.b1) if self.scalar is None else (self.a1, self.a2, self.b1, self.b2):
            nn.init.kaiming_uniform_(start, a=math.sqrt(5))

    def addition(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor) -> Tensor:
        named = self.tensors()
        scale = scale * (self.alpha / self.rank)
        a2, b2 = named["a2.weight"].to(x.dtype), named["b2.weight"]
        on_input = apply_pointwise(apply_pointwise(x * scale, a2), self.a1.to(x.dtype))
        return through_base(on_input, layer, self.rows) + lora_addition(x, layer, self.b1, b2, scale)

    def tensors(self) -> dict[str, Tensor]:
        factor = 1.0 if self.scalar is None else self.scalar
        named = {
            "a1.weight": self.a1,
            "a2.weight": self.a2 * factor,
            "b1.weight": self.b1,
            "b2.weight": self.b2 * factor,
        }
        return named | {"alpha": torch.tensor(self.alpha)}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        for name, tensor in zip(NAMES, (self.a1, self.a2, self.b1, self.b2), strict=True):
            put(tensor, tensors[f"{name}.weight"])
        if self.scalar is not None:
            put(self.scalar, torch.ones(()))
        self.alpha = float(tensors.get("alpha", torch.tensor(self.rank)))
