"""LoHa: the weight changes by the elementwise product of two low-rank matrices (FedPara, arXiv 2108.06098)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..architectures.target import Target
from ..layers import Shape, along_channels, apply_weight
from .base import Adapter, AdapterConfig, put
from .lora import addition as lora_addition

NAMES = ("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b")


def addition(x: Tensor, layer: nn.Module, factors: tuple[Tensor, ...], scale: Tensor, shape: Shape) -> Tensor:
    """`scale` times ((w1a · w1b) ⊙ (w2a · w2b)) · x, for `factors` (w1a, w1b, w2a, w2b) of two dimensions.

    The elementwise product of two matrices of rank r is one of rank r² (a Khatri-Rao product), so for small
    ranks this is a LoRA of rank r² and the weight difference is not built.
    """
    w1a, w1b, w2a, w2b = (factor.to(x.dtype) for factor in factors)
    rank = len(w1b) * len(w2b)
    if rank * (shape.rows + shape.patch) < shape.rows * shape.patch:
        up = torch.einsum("o r, o s -> o r s", w1a, w2a).reshape(shape.rows, rank, *shape.ones)
        down = torch.einsum("r i, s i -> r s i", w1b, w2b).reshape(rank, shape.columns, *shape.kernel)
        return lora_addition(x, layer, up, down, scale)
    return apply_weight(layer, x, ((w1a @ w1b) * (w2a @ w2b)).reshape(shape.full)) * scale


def without_tucker(side: Tensor, other: Tensor, core: Tensor) -> tuple[Tensor, Tensor]:
    """A side of a Tucker-form LoHa, [rank, rows] and [rank, columns] about a core, as two plain factors."""
    return side.T, torch.einsum("i j ..., j c -> i c ...", core, other).flatten(1)


class Loha(Adapter):
    """Options: `rslora`, `use_tucker` (2-D convolutions), `use_scalar` and `dora`, as for LoRA."""

    kind = "loha"
    MERGES = True
    OPTIONS = frozenset({"rslora", "dora", "use_tucker", "use_scalar"})

    def __init__(self, target: Target, shape: Shape, config: AdapterConfig):
        super().__init__(target, shape, config)
        self.rank, self.alpha = config.rank_for(shape), config.alpha_for(shape)
        tucker = config.options.get("use_tucker") and len(shape.kernel) == 2 and not shape.pointwise
        sides = (
            ((self.rank, shape.rows), (self.rank, shape.columns))
            if tucker
            else ((shape.rows, self.rank), (self.rank, shape.patch))
        )
        self.w1a, self.w1b, self.w2a, self.w2b = (nn.Parameter(torch.empty(side)) for side in sides * 2)
        core = (self.rank, self.rank, *shape.kernel)
        self.t1 = nn.Parameter(torch.empty(core)) if tucker else None
        self.t2 = nn.Parameter(torch.empty(core)) if tucker else None
        self.scalar = nn.Parameter(torch.zeros(())) if config.options.get("use_scalar") else None
        self._start()

    def _start(self) -> None:
        """As LyCORIS starts it."""
        for tensor, std in ((self.w1a, 0.1), (self.w1b, 1), (self.w2b, 1), (self.t1, 0.1), (self.t2, 0.1)):
            if tensor is not None:
                nn.init.normal_(tensor, std=std)
        if self.scalar is None:
            nn.init.zeros_(self.w2a)
        else:
            nn.init.normal_(self.w2a, std=0.1)

    def factors(self) -> tuple[Tensor, ...]:
        """(w1a, w1b, w2a, w2b), of two dimensions and not in Tucker form."""
        scaled = self.w1a if self.scalar is None else self.w1a * self.scalar
        if self.t1 is None or self.t2 is None:
            return scaled, self.w1b, self.w2a, self.w2b
        return *without_tucker(scaled, self.w1b, self.t1), *without_tucker(self.w2a, self.w2b, self.t2)

    def addition(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor) -> Tensor:
        added = addition(x, layer, self.factors(), scale * (self.alpha / self.rank), self.shape)
        kept = self.mask(self.shape.rows, added)
        return added if kept is None else added * along_channels(kept, added, layer)

    def tensors(self) -> dict[str, Tensor]:
        named: dict[str, Tensor] = dict(zip(NAMES, (self.w1a, self.w1b, self.w2a, self.w2b), strict=True))
        if self.scalar is not None:
            named["hada_w1_a"] = self.w1a * self.scalar
        if self.t1 is not None and self.t2 is not None:
            named |= {"hada_t1": self.t1, "hada_t2": self.t2}
        return named | {"alpha": torch.tensor(self.alpha)}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        for name, tensor in zip(NAMES, (self.w1a, self.w1b, self.w2a, self.w2b), strict=True):
            put(tensor, tensors[name])
        if self.t1 is not None and self.t2 is not None:
            put(self.t1, tensors["hada_t1"])
            put(self.t2, tensors["hada_t2"])
        if self.scalar is not None:
            put(self.scalar, torch.ones(()))
        self.alpha = float(tensors.get("alpha", torch.tensor(self.rank)))
