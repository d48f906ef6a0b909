"""Products of two thin matrices, added to linear layers' outputs in as few operations as the algebra allows.

A model has hundreds of them, so what one costs beyond its arithmetic decides the time of a step. All are cast to the
model's type in one go; those on one layer make one product, their `down` stacked, each `up` at the rows it changes; and
the gradients of all come back in one piece.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Variable
from torch.autograd.function import once_differentiable

Rows = tuple[int, int] | None


class Factors(NamedTuple):
    """The matrices of a delta: `up` [rows, rank], `down` [rank, columns]."""

    up: Tensor
    down: Tensor


class Thin(NamedTuple):
    """A delta that is ratio · up · down; `factors` gives the matrices for an input."""

    ratio: float
    factors: Callable[[Tensor], Factors]


class Joint:
    """The low-rank deltas of all layers while they are attached, and do not change."""

    def __init__(self) -> None:
        self.layers: list[LowRank] = []
        self._casts: dict[Any, _Cast] = {}

    def cast(self, x: Tensor) -> _Cast:
        """The factors of all layers on the device and in the type of `x`."""
        form = (x.device, x.dtype)
        if form not in self._casts:
            self._casts[form] = _Cast(self.layers, x)
        return self._casts[form]


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
        """`y` [batch, …, rows] plus `scale` · up · down · `x` [batch, …, columns]; `scale` is shaped to broadcast."""
        cast = self._joint.cast(x)
        matrices = cast.matrices[self._index]
        up = matrices.joint_up(self.rows, y.shape[-1])
        if torch.is_grad_enabled() and cast.trained:
            return _Added.apply(x, y, scale, cast.anchor(), up, matrices.down, cast, self)
        return _product(x, y, scale, up, matrices.down)[1].view(y.shape)

    def add_gradients(self, cast: _Cast, x: Tensor, hidden: Tensor, grad: Tensor, of_hidden: Tensor) -> None:
        """Adds the gradients of both sides; all arguments are [n, …], `hidden` and `of_hidden` scaled."""
        gradients = cast.gradients(self._index)
        for rows, ranks, up in zip(self.rows, gradients.ranks, gradients.ups, strict=True):
            whole = len(self.rows) == 1 and len(up) == grad.shape[1]
            up.addmm_(*((grad.t(), hidden) if whole else (grad[:, rows].t(), hidden[:, ranks])))
        gradients.down.addmm_(of_hidden.t(), x)


def _product(x: Tensor, y: Tensor, scale: Tensor, up: Tensor, down: Tensor) -> tuple[Tensor, Tensor]:
    """The scaled hidden values [n, ranks], and `y` with their product through `up` [n, rows]."""
    hidden = _flat(x) @ down.t()
    hidden = (hidden.view(*x.shape[:-1], len(down)) * scale).view(hidden.shape)
    return hidden, torch.addmm(_flat(y), hidden, up.t())


class _Matrices:
    """The matrices of one layer: an up for each part, and all downs as one."""

    def __init__(self, ups: Sequence[Tensor], downs: Sequence[Tensor]):
        self.ups = ups
        self.ranks = [slice(*ends) for ends in pairwise(accumulate((len(down) for down in downs), initial=0))]
        first = downs[0]  # the others follow it in memory
        self.down = first.as_strided((self.ranks[-1].stop, first.shape[1]), first.stride())
        self._joint_up: Tensor | None = None

    @torch.no_grad()
    def joint_up(self, rows: Sequence[slice], height: int) -> Tensor:
        """The ups side by side, each at its rows, [height, ranks]."""
        if len(self.ups) == 1 and len(self.ups[0]) == height:
            return self.ups[0]
        if self._joint_up is None:
            self._joint_up = self.down.new_zeros(height, len(self.down))
            for place, ranks, up in zip(rows, self.ranks, self.ups, strict=True):
                self._joint_up[place, ranks] = up
        return self._joint_up


class _Cast:
    """The matrices of all layers in one type, in one piece of memory, and their gradients in another."""

    def __init__(self, layers: Sequence[LowRank], x: Tensor):
        self._by_layer = [layer.sources(x) for layer in layers]
        self._sources = [tensor for sources in self._by_layer for tensor in sources]
        self._sizes = [tensor.numel() for tensor in self._sources]
        self.trained = any(tensor.requires_grad for tensor in self._sources)
        self._anchor: Tensor | None = None
        self._gradients: tuple[Tensor, list[_Matrices]] | None = None
        self._reached: set[int] = set()
        with torch.no_grad():
            self._memory = x.new_empty(sum(self._sizes))
            torch._foreach_copy_(self._views(self._memory), [tensor.detach() for tensor in self._sources])
            self.matrices = self._matrices_in(self._memory)

    def anchor(self) -> Tensor:
        """What makes autograd come by, also where neither input nor output of a layer has a gradient."""
        if self._anchor is None:
            self._anchor = torch.zeros((), device=self._memory.device, requires_grad=True)
        return self._anchor

    def _views(self, memory: Tensor) -> list[Tensor]:
        pieces = memory.split(self._sizes)
        return [piece.view(tensor.shape) for piece, tensor in zip(pieces, self._sources, strict=True)]

    def _matrices_in(self, memory: Tensor) -> list[_Matrices]:
        views = iter(self._views(memory))
        layers = [[next(views) for _ in sources] for sources in self._by_layer]
        return [_Matrices(of[: len(of) // 2], of[len(of) // 2 :]) for of in layers]

    def gradients(self, index: int) -> _Matrices:
        """Where the gradients of a layer's matrices are added up until the end of this backward pass."""
        if self._gradients is None:
            memory = torch.zeros_like(self._memory)
            self._gradients = memory, self._matrices_in(memory)
            Variable._execution_engine.queue_callback(self._hand_over)
        self._reached.add(index)
        return self._gradients[1][index]

    @torch.no_grad()
    def _hand_over(self) -> None:
        """Gives each source that a backward pass has reached its gradient."""
        assert self._gradients is not None
        reached, views = self._reached, iter(self._views(self._gradients[0].to(self._sources[0].dtype)))
        self._gradients, self._reached = None, set()
        had: list[Tensor] = []
        new: list[Tensor] = []
        for index, sources in enumerate(self._by_layer):
            for source, gradient in zip(sources, views, strict=False):
                if index not in reached or not source.requires_grad:
                    continue
                if source.grad is None:
                    source.grad = gradient.to(source.dtype)
                else:
                    had.append(source.grad)
                    new.append(gradient)
        if had:
            torch._foreach_add_(had, new)


class _Added(torch.autograd.Function):
    """`LowRank.added` with a gradient for `x` and for the matrices, which do not pass through autograd themselves."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, y: Tensor, scale: Tensor, anchor: Tensor, up: Tensor, down: Tensor, cast: _Cast,
        layer: LowRank,
    ) -> Tensor:  # fmt: skip
        hidden, whole = _product(x, y, scale, up, down)
        ctx.save_for_backward(x, hidden)
        ctx.constants = scale, up, down, cast, layer
        return torch.ops.aten._unsafe_view(whole, y.shape)  # a view of its own could not be written to

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        x, hidden = ctx.saved_tensors
        scale, up, down, cast, layer = ctx.constants
        of_hidden = _flat(grad) @ up
        of_hidden = (of_hidden.view(*x.shape[:-1], len(down)) * scale).view(of_hidden.shape)
        layer.add_gradients(cast, _flat(x), hidden, _flat(grad), of_hidden)
        of_x = (of_hidden @ down).view(x.shape) if ctx.needs_input_grad[0] else None
        return of_x, grad, None, None, None, None, None, None


def _flat(tensor: Tensor) -> Tensor:
    return tensor.reshape(-1, tensor.shape[-1])
