"""LoRA: the weight changes by a product of two thin matrices (Hu et al. 2021, arXiv 2106.09685)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ..architectures.target import Target
from .base import Adapter, AdapterConfig, Shape
from .layer import apply_pointwise, apply_weight


def addition(x: Tensor, layer: nn.Module, up: Tensor, down: Tensor, scale: Tensor) -> Tensor:
    """`scale` times `up · down · x`; `down` has the layer's kernel, `up` is pointwise."""
    return apply_pointwise(apply_weight(layer, x, down.to(x.dtype)) * scale, up.to(x.dtype))


def in_file(value: float) -> float:
    """`value` as a float32 tensor of a file keeps it, so that training and file agree to the bit."""
    return float(torch.tensor(value, dtype=torch.float32))


class Lora(Adapter):
    """LoRA on a linear layer or a convolution. Option `rslora`: scaled by alpha / √rank (arXiv 2312.03732)."""

    kind = "lora"

    def __init__(self, target: Target, shape: Shape, config: AdapterConfig):
        super().__init__(target, shape, config)
        pointwise = math.prod(shape.kernel) == 1
        rank = config.rank if pointwise or config.conv_rank is None else config.conv_rank
        given = config.alpha if pointwise or config.conv_alpha is None else config.conv_alpha
        alpha = rank if given is None else given
        self.rank = rank
        self.alpha = in_file(alpha * (math.sqrt(rank) if config.options.get("rslora") else 1.0))
        self.up = nn.Parameter(torch.zeros(shape.rows, rank, *shape.ones))
        self.down = nn.Parameter(torch.empty(rank, shape.columns, *shape.kernel))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def delta(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor) -> Tensor:
        return addition(x, layer, self.up, self.down, scale * (self.alpha / self.rank))

    def tensors(self) -> dict[str, Tensor]:
        return {
            "lora_up.weight": self.up,
            "lora_down.weight": self.down,
            "alpha": torch.tensor(self.alpha),
        }

    def load(self, tensors: dict[str, Tensor]) -> None:
        with torch.no_grad():
            self.up.copy_(tensors["lora_up.weight"])
            self.down.copy_(tensors["lora_down.weight"])
        self.alpha = float(tensors.get("alpha", torch.tensor(self.rank)))
