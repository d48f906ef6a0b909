"""Products of two thin matrices, added to a linear layer's output in as few operations as the algebra allows.

All low-rank deltas of a layer make one: their `down` stacked, their `up` side by side, each at the rows it changes. So
q, k and v of a fused weight take one product through each side, and nothing is padded to the width of the output.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


class Factors(NamedTuple):
    """A delta `ratio · up · down`: `up` [rows, rank], `down` [rank, columns]."""

    up: Tensor
    down: Tensor
    ratio: float


@dataclass(frozen=True)
class Place:
    """Where one delta lies in the joint matrices: its rows of `up`, and its ranks."""

    rows: slice
    ranks: slice


class LowRank:
    """The low-rank deltas of one layer.

    Args:
        parts: of each delta the layer's rows that it changes (None: all) and its factors.
    """

    def __init__(self, parts: Sequence[tuple[tuple[int, int] | None, Factors]]):
        self.factors = [factor for _, (up, down, _) in parts for factor in (up, down)]
        self.places, self.ratios, position = [], [], 0
        for rows, (_, down, ratio) in parts:
            self.places.append(
                Place(slice(*rows) if rows else slice(None), slice(position, position + len(down)))
            )
            self.ratios.append(ratio)
            position += len(down)
        self.rank = position
        self._made: dict[Any, tuple[Tensor, Tensor, Tensor | None]] = {}

    def added(self, x: Tensor, y: Tensor, scale: Tensor) -> Tensor:
        """`y` [batch, …, rows] plus `scale` · up · down · `x` [batch, …, columns]; `scale` as `scale_for` shapes it."""
        up, down, ratios = self._joint(x, y.shape[-1])
        scale = scale.to(x.dtype) * (self.ratios[0] if ratios is None else ratios)
        flat = y.reshape(-1, y.shape[-1])
        if torch.is_grad_enabled():
            whole = _Added.apply(x, flat, scale, up, down, self.places, *self.factors)
        else:
            whole = _product(flat, F.linear(x, down) * scale, up)
        return whole.view(y.shape)

    @torch.no_grad()
    def _joint(self, x: Tensor, height: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """Both joint matrices in the type and on the device of `x`; the ratio of each rank where they differ."""
        versions = tuple(factor._version for factor in self.factors if not factor.is_inference())
        form = (x.device, x.dtype, height, versions)
        if form not in self._made:
            self._made.clear()
            ups, downs = (
                [factor.to(x) for factor in factors] for factors in (self.factors[::2], self.factors[1::2])
            )
            up, down = ups[0], downs[0]
            if len(ups) > 1 or len(up) != height:
                up, down = x.new_zeros(height, self.rank), torch.cat(downs)
                for place, part in zip(self.places, ups, strict=True):
                    up[place.rows, place.ranks] = part
            ratios = [ratio for ratio, d in zip(self.ratios, downs, strict=True) for _ in d]
            self._made[form] = up, down, x.new_tensor(ratios) if len(set(ratios)) > 1 else None
        return self._made[form]


def _product(y: Tensor, hidden: Tensor, up: Tensor) -> Tensor:
    """`y` [n, rows] + hidden · upᵀ."""
    return torch.addmm(y, hidden.reshape(-1, up.shape[1]), up.t())


class _Added(torch.autograd.Function):
    """The joint product with the gradient of each factor in the factor's own type."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, y: Tensor, scale: Tensor, up: Tensor, down: Tensor, places: Any, *factors: Tensor
    ):
        hidden = F.linear(x, down) * scale
        ctx.save_for_backward(x, hidden)
        ctx.scale, ctx.up, ctx.down, ctx.places = scale, up, down, places
        ctx.types = [factor.dtype for factor in factors]
        return _product(y, hidden, up)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        x, hidden = ctx.saved_tensors
        of_hidden = (grad @ ctx.up).view(hidden.shape) * ctx.scale
        ranks = of_hidden.reshape(-1, of_hidden.shape[-1]).t()
        of_up, of_down = grad.t() @ hidden.reshape(-1, hidden.shape[-1]), ranks @ x.reshape(-1, x.shape[-1])
        of_factors: list[Tensor] = []
        for place, dtype in zip(ctx.places, ctx.types[::2], strict=True):
            of_factors += [of_up[place.rows, place.ranks].to(dtype), of_down[place.ranks].to(dtype)]
        of_x = of_hidden @ ctx.down if ctx.needs_input_grad[0] else None
        return of_x, grad, None, None, None, None, *of_factors
