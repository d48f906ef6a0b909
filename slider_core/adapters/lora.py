"""LoRA: the weight changes by a product of two thin matrices (Hu et al. 2021, arXiv 2106.09685).

On convolutions this is LoCon: the first of the two has the layer's kernel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..architectures.target import Target
from ..deltas.low_rank import Factors, Thin
from ..layers import Shape, along_channels, apply_pointwise, apply_weight, is_conv
from .base import Adapter, AdapterConfig, AdapterError, put


def addition(
    x: Tensor, layer: nn.Module, up: Tensor, down: Tensor, scale: Tensor, mid: Tensor | None = None
) -> Tensor:
    """`scale` times `up · down · x`.

    `down` has the layer's kernel and `up` is pointwise; with `mid` (Tucker), `down` is pointwise too.
    """
    if getattr(layer, "groups", 1) != 1:  # each group has inputs of its own for the same `down`
        down = down if mid is None else torch.einsum("m n ..., n j -> m j ...", mid, down.flatten(1))
        weight = torch.einsum("o r, r ... -> o ...", up.flatten(1), down)
        return apply_weight(layer, x, weight.to(x.dtype)) * scale
    if mid is None:
        hidden = apply_weight(layer, x, down.to(x.dtype))
    else:
        hidden = apply_weight(layer, apply_pointwise(x, down.to(x.dtype)), mid.to(x.dtype))
    return apply_pointwise(hidden * scale, up.to(x.dtype))


class Lora(Adapter):
    """LoRA on a linear layer or a convolution; `locon` is the same under LyCORIS's name.

    Options: `rslora` scales by alpha / √rank (arXiv 2312.03732); `use_tucker` splits the kernel off from 2-D
    convolutions; `use_scalar` learns one more factor, which is 0 at first; `dora` see `Dora`.
    """

    kind = "lora"
    MERGES = True
    OPTIONS = frozenset({"rslora", "dora", "use_tucker", "use_scalar"})

    def __init__(self, target: Target, shape: Shape, config: AdapterConfig):
        super().__init__(target, shape, config)
        self.rank, self.alpha = config.rank_for(shape), config.alpha_for(shape)
        tucker = config.options.get("use_tucker") and len(shape.kernel) == 2 and not shape.pointwise
        self.up = nn.Parameter(torch.zeros(shape.rows, self.rank, *shape.ones))
        kernel = shape.ones if tucker else shape.kernel
        self.down = nn.Parameter(torch.empty(self.rank, shape.columns, *kernel))
        self.mid = nn.Parameter(torch.empty(self.rank, self.rank, *shape.kernel)) if tucker else None
        self.scalar = nn.Parameter(torch.zeros(())) if config.options.get("use_scalar") else None
        for start in (self.down, self.mid, None if self.scalar is None else self.up):
            if start is not None:
                nn.init.kaiming_uniform_(start, a=math.sqrt(5))

    @property
    def ratio(self) -> float:
        return self.alpha / self.rank

    @property
    def scaled_up(self) -> Tensor:
        return self.up if self.scalar is None else self.up * self.scalar

    def thin(self, layer: nn.Module) -> Thin | None:
        if is_conv(layer) or self.drops or self.scalar is not None:
            return None
        return Thin(self.ratio, lambda x: Factors(self.up, self.down))

    def addition(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor) -> Tensor:
        scale = scale * self.ratio
        kept = self.mask(self.rank, x)
        if kept is not None:
            scale = scale * along_channels(kept, x, layer)
        return addition(x, layer, self.scaled_up, self.down, scale, self.mid)

    def tensors(self) -> dict[str, Tensor]:
        named = {"lora_up.weight": self.scaled_up, "lora_down.weight": self.down}
        if self.mid is not None:
            named["lora_mid.weight"] = self.mid
        return named | {"alpha": torch.tensor(self.alpha)}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        if ("lora_mid.weight" in tensors) != (self.mid is not None):
            raise AdapterError("one of them is in Tucker form and the other is not")
        put(self.up, tensors["lora_up.weight"])
        put(self.down, tensors["lora_down.weight"])
        if self.mid is not None:
            put(self.mid, tensors["lora_mid.weight"])
        if self.scalar is not None:
            put(self.scalar, torch.ones(()))
        self.alpha = float(tensors.get("alpha", torch.tensor(self.rank)))
