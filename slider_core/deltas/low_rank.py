"""Products of two thin matrices, added to linear layers' outputs in as few operations as the algebra allows.

Those on one layer make one product: their `down` stacked, each `up` at the rows that it changes. Where the matrices of
all layers lie in the model's type, and where their gradients go, is `joint`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

if TYPE_CHECKING:
    from .joint import Cast, Joint

Rows = tuple[int, int] | None


class Factors(NamedTuple):
    """The matrices of a delta: `up` [rows, rank], `down` [rank, columns]."""

    up: Tensor
    down: Tensor


class Thin(NamedTuple):
    """A delta that is ratio · up · down; `factors` gives the matrices for an input."""

    ratio: float
    factors: Callable[[Tensor], Factors]


class LowRank:
    """The low-rank deltas of one layer as one.

    Args:
        joint: those of all layers; this one joins them.
        parts: of each delta the layer's rows that it changes (None: all), and what gives its matrices.
    """

    def __init__(self, joint: Joint, parts: Sequence[tuple[Rows, Callable[[Tensor], Factors]]]):
        self.rows = [slice(*rows) if rows else slice(None) for rows, _ in parts]
        self._factors = [factors for _, factors in parts]
        self._joint, self._index = joint, len(joint.layers)
        joint.layers.append(self)

    def sources(self, x: Tensor) -> list[Tensor]:
        """The ups of all parts, and then the downs."""
        factors = [factors(x) for factors in self._factors]
        return [up for up, _ in factors] + [down for _, down in factors]

    def added(self, x: Tensor, y: Tensor, scale: Tensor) -> Tensor:
        """`y` [batch, …, rows] plus `scale` [n, 1] · up · down · `x` [batch, …, columns], seen as n vectors."""
        cast = self._joint.cast(x)
        matrices = cast.matrices[self._index]
        up = matrices.joint_up(self.rows, y.shape[-1])
        if torch.is_grad_enabled() and cast.trained:
            return _Added.apply(x, y, cast.anchor(), (scale, up, matrices.down, cast, self))
        return _product(x, y, scale, up, matrices.down)[1].view(y.shape)

    def add_gradients(self, cast: Cast, x: Tensor, hidden: Tensor, grad: Tensor, of_hidden: Tensor) -> None:
        """Adds the gradients of both sides; all arguments are [n, …], `hidden` and `of_hidden` scaled."""
        gradients = cast.gradients(self._index)
        gradients.down.addmm_(of_hidden.t(), x)
        if len(self.rows) == 1 and len(gradients.ups[0]) == grad.shape[1]:
            gradients.ups[0].addmm_(grad.t(), hidden)
            return
        for rows, ranks, up in zip(self.rows, gradients.ranks, gradients.ups, strict=True):
            up.addmm_(grad[:, rows].t(), hidden[:, ranks])


def _product(x: Tensor, y: Tensor, scale: Tensor, up: Tensor, down: Tensor) -> tuple[Tensor, Tensor]:
    """The scaled hidden values [n, ranks], and `y` with their product through `up` [n, rows]."""
    hidden = torch.mm(_flat(x), down.t()).mul_(scale)
    return hidden, torch.addmm(_flat(y), hidden, up.t())


class Matrices:
    """The matrices of one layer: an up for each part, and all downs as one."""

    def __init__(self, ups: Sequence[Tensor], downs: Sequence[Tensor]):
        self.ups = ups
        self.ranks = [slice(*ends) for ends in pairwise(accumulate((len(down) for down in downs), initial=0))]
        first = downs[0]  # the others follow it in memory
        self.down = first.as_strided((self.ranks[-1].stop, first.shape[1]), first.stride())
        self._joint_up: Tensor | None = None

    def joint_up(self, rows: Sequence[slice], height: int) -> Tensor:
        """The ups side by side, each at its rows, [height, ranks]."""
        if len(self.ups) == 1 and len(self.ups[0]) == height:
            return self.ups[0]
        if self._joint_up is None:
            self._joint_up = self._side_by_side(rows, height)
        return self._joint_up

    @torch.inference_mode(False)
    @torch.no_grad()
    def _side_by_side(self, rows: Sequence[slice], height: int) -> Tensor:
        whole = self.down.new_zeros(height, len(self.down))
        for place, ranks, up in zip(rows, self.ranks, self.ups, strict=True):
            whole[place, ranks] = up
        return whole

    def changed(self) -> None:
        """The numbers in the ups are other ones now."""
        self._joint_up = None


class _Added(torch.autograd.Function):
    """`LowRank.added` with a gradient for `x` and for the matrices, which do not pass through autograd themselves."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, anchor: Tensor, constants: tuple) -> Tensor:
        scale, up, down, *_ = constants
        hidden, whole = _product(x, y, scale, up, down)
        ctx.save_for_backward(x, hidden)
        ctx.constants = constants
        return torch.ops.aten._unsafe_view(whole, y.shape)  # a view of its own could not be written to

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        x, hidden = ctx.saved_tensors
        scale, up, down, cast, layer = ctx.constants
        flat_grad = _flat(grad)
        of_hidden = torch.mm(flat_grad, up).mul_(scale)
        layer.add_gradients(cast, _flat(x), hidden, flat_grad, of_hidden)
        of_x = torch.mm(of_hidden, down).view(x.shape) if ctx.needs_input_grad[0] else None
        return of_x, grad, None, None


def _flat(tensor: Tensor) -> Tensor:
    return tensor.reshape(-1, tensor.shape[-1])
