"""LoKr: the weight changes by a Kronecker product of two small matrices (LyCORIS, arXiv 2309.14859)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..architectures.target import Target
from ..layers import Shape, along_channels, apply_pointwise, apply_weight, is_conv
from .base import Adapter, AdapterConfig, AdapterError


def addition(x: Tensor, layer: nn.Module, w1: Tensor, w2: tuple[Tensor, ...], scale: Tensor) -> Tensor:
    """`scale` times (w1 ⊗ w2) · x.

    Args:
        w1: [a, c].
        w2: (w2,) [b, d, *kernel], or its factors (w2_a, w2_b) [b, rank] and [rank, d, *kernel].
    """
    c = w1.shape[1]
    w1, (*outer, inner) = w1.to(x.dtype), (part.to(x.dtype) for part in w2)
    if not is_conv(layer):
        grouped = nn.functional.linear((x * scale).unflatten(-1, (c, -1)), inner)
        for factor in outer:
            grouped = nn.functional.linear(grouped, factor)
        return torch.einsum("... c b, a c -> ... a b", grouped, w1).flatten(-2)
    grouped = apply_weight(layer, (x * scale).unflatten(1, (c, -1)).flatten(0, 1), inner)
    for factor in outer:
        grouped = apply_pointwise(grouped, factor.reshape(*factor.shape[:2], *[1] * (x.ndim - 2)))
    grouped = grouped.unflatten(0, (-1, c))
    return torch.einsum("n c b ..., a c -> n a b ...", grouped, w1).flatten(1, 2)


class Lokr(Adapter):
    """A weight [a·b, c·d] changes by w1 [a, c] ⊗ w2 [b, d]; w2 of low rank, and w1 too with `decompose_both`.

    Options: `factor` (a and c at most; −1: near the square root), `full_matrix` (no low rank),
    `decompose_both`, `unbalanced_factorization` (a and b swapped), `use_tucker`, `use_scalar`, `rslora`, `dora`.
    """

    kind = "lokr"
    GROUPS = False
    OPTIONS = frozenset(
        {
            "factor",
            "full_matrix",
            "decompose_both",
            "unbalanced_factorization",
            "use_tucker",
            "use_scalar",
            "rslora",
            "dora",
        }
    )

    def __init__(self, target: Target, shape: Shape, config: AdapterConfig):
        super().__init__(target, shape, config)
        from lycoris.functional.general import factorization

        options, self.rank = config.options, config.rank_for(shape)
        a, b = factorization(shape.rows, int(options.get("factor", -1)))
        c, d = factorization(shape.columns, int(options.get("factor", -1)))
        if options.get("unbalanced_factorization"):
            a, b = b, a
        full, self.inner = bool(options.get("full_matrix")), (d, *shape.kernel)
        split_w1 = bool(options.get("decompose_both")) and not full and self.rank < max(a, c) / 2
        split_w2 = not full and self.rank < max(b, d) / 2
        tucker = bool(options.get("use_tucker")) and split_w2 and len(shape.kernel) == 2 and not shape.pointwise
        rank = self.rank
        shapes: dict[str, tuple[int, ...]] = (
            {"lokr_w1_a": (a, rank), "lokr_w1_b": (rank, c)} if split_w1 else {"lokr_w1": (a, c)}
        )
        if tucker:
            shapes |= {"lokr_t2": (rank, rank, *shape.kernel), "lokr_w2_a": (rank, b), "lokr_w2_b": (rank, d)}
        elif split_w2:
            shapes |= {"lokr_w2_a": (b, rank), "lokr_w2_b": (rank, math.prod(self.inner))}
        else:
            shapes |= {"lokr_w2": (b, *self.inner)}
        self.parts = nn.ParameterDict({name: torch.empty(size) for name, size in shapes.items()})
        self.scalar = nn.Parameter(torch.zeros(())) if options.get("use_scalar") else None
        self.alpha = config.alpha_for(shape) if split_w1 or split_w2 else float(rank)
        for name, part in self.parts.items():
            if self.scalar is None and name == ("lokr_w2_b" if split_w2 else "lokr_w2"):
                nn.init.zeros_(part)
            else:
                nn.init.kaiming_uniform_(part, a=math.sqrt(5))

    def factors(self) -> tuple[Tensor, tuple[Tensor, ...]]:
        """w1, and w2 or its factors, as `addition` takes them."""
        parts = self.parts
        w1 = parts["lokr_w1"] if "lokr_w1" in parts else parts["lokr_w1_a"] @ parts["lokr_w1_b"]
        w1 = w1 if self.scalar is None else w1 * self.scalar
        if "lokr_w2" in parts:
            return w1, (parts["lokr_w2"],)
        w2a, w2b = parts["lokr_w2_a"], parts["lokr_w2_b"]
        if "lokr_t2" in parts:
            return w1, (w2a.T, torch.einsum("i j ..., j d -> i d ...", parts["lokr_t2"], w2b))
        return w1, (w2a, w2b.reshape(-1, *self.inner))

    def addition(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor) -> Tensor:
        added = addition(x, layer, *self.factors(), scale * (self.alpha / self.rank))
        kept = self.mask(self.shape.rows, added)
        return added if kept is None else added * along_channels(kept, added, layer)

    def tensors(self) -> dict[str, Tensor]:
        named: dict[str, Tensor] = dict(self.parts.items())
        if self.scalar is not None:
            first = "lokr_w1" if "lokr_w1" in named else "lokr_w1_a"
            named[first] = named[first] * self.scalar
        return named | {"alpha": torch.tensor(self.alpha)}

    def for_comfyui(self) -> dict[str, Tensor]:
        """With w2 in a form that ComfyUI takes: no Tucker form, and flat, unless its kernel has two dimensions."""
        named = self.tensors()
        if "lokr_t2" in named:
            _, (w2a, w2b) = self.factors()
            named |= {"lokr_w2_a": w2a, "lokr_w2_b": w2b.flatten(1)}
            del named["lokr_t2"]
        if "lokr_w2" in named and len(self.shape.kernel) in (1, 3):
            named["lokr_w2"] = named["lokr_w2"].flatten(1)
        return named

    def of_whole_weight(self) -> dict[str, Tensor] | None:
        """As `for_comfyui`, of the whole weight: w1 with rows of 0 around. None where its rows do not divide so."""
        start, stop = self.rows or (0, self.shape.layer_rows)
        height = self.shape.rows // self._w1_rows
        if start % height or self.shape.layer_rows % height:
            return None
        named = self.for_comfyui()
        first = "lokr_w1" if "lokr_w1" in named else "lokr_w1_a"
        padding = (0, 0, start // height, (self.shape.layer_rows - stop) // height)
        return named | {first: nn.functional.pad(named[first], padding)}

    @property
    def _w1_rows(self) -> int:
        return len(self.parts["lokr_w1"] if "lokr_w1" in self.parts else self.parts["lokr_w1_a"])

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        if "lokr_t2" in self.parts and "lokr_t2" not in tensors:
            raise AdapterError("the file has no Tucker form, from which use_tucker could continue")
        with torch.no_grad():
            for name, part in self.parts.items():
                given = tensors[name]
                if name in ("lokr_w1", "lokr_w1_a") and self.rows and len(given) > len(part):
                    first = self.rows[0] * len(part) // self.shape.rows
                    given = given[first : first + len(part)]
                part.copy_(given.reshape(part.shape))
            if self.scalar is not None:
                self.scalar.fill_(1.0)
        self.alpha = float(tensors.get("alpha", torch.tensor(self.rank)))
