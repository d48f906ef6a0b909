"""Linear layers with their low-rank deltas, forward and back in few operations, the deltas getting their gradients.

    hidden = scale · down · x      y = W x + up · hidden

Where only deltas are on a frozen linear layer, W x is computed here too: the deltas are added to it in place, and one
sum is the gradient for x of both. Layers that get the same x one after the other (q, k and v) share `hidden` and that
sum: the first of them takes x in, the others `hidden`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..layers import back_through
from .joint import Cast
from .low_rank import LowRank, flat

_shaped = torch.ops.aten._unsafe_view.default  # a view of its own could not be written to


class Way:
    """The way of one input through layers that share it, and back.

    Args:
        first: the layer that gets the input first.
        shared: whether its kin may get it too.
        scale: of each vector of the input, [n, 1].
    """

    def __init__(self, first: LowRank, shared: bool, x: Tensor, scale: Tensor):
        self.cast = first.joint.cast(x)
        self.first, self.scale, self.to_x = first.index, scale, False
        matrices = self.cast.matrices[first.index]
        self.downs = matrices.downs if shared else matrices.down
        self.ranks = self.cast.ranks[first.index] if shared else {first.index: matrices.ranks}
        self.shared = shared
        self._of_x: Tensor | None = None
        self._of_hidden: Tensor | None = None
        self._missing: set[int] = set()

    def hidden(self, x: Tensor) -> Tensor:
        """What the downs of all layers make of vectors, scaled."""
        return torch.mm(x, self.downs.t()).mul_(self.scale)

    def add(self, layer: LowRank, y: Tensor, hidden: Tensor) -> None:
        """Adds the deltas of a layer to its output [n, rows]."""
        for rows, ranks, up in zip(
            layer.rows, self.ranks[layer.index], self.cast.matrices[layer.index].ups, strict=True
        ):
            _columns(y, rows).addmm_(_columns(hidden, ranks), up.t())

    def back(self, layer: LowRank, base: nn.Module | None, grad: Tensor, hidden: Tensor) -> None:
        """Takes the gradient of a layer's output, and hands those of its ups on."""
        if self._of_hidden is None:
            self._of_hidden, self._missing = torch.empty_like(hidden), set(self.ranks)
        index, grad = layer.index, flat(grad)
        self._missing.discard(index)
        ups, gradients = self.cast.matrices[index].ups, self.cast.gradients(index).ups
        for rows, ranks, up, of_up in zip(layer.rows, self.ranks[index], ups, gradients, strict=True):
            own = _columns(grad, rows)
            torch.mm(own, up, out=_columns(self._of_hidden, ranks))
            of_up.addmm_(own.t(), _columns(hidden, ranks))
        if base is not None and self.to_x:
            self._of_x = back_through(base, grad, self._of_x)

    def end(self, x: Tensor) -> Tensor | None:
        """Hands the gradients of the downs on; that of the input, if it wants one."""
        of_hidden, of_x, self._of_hidden, self._of_x = self._of_hidden, self._of_x, None, None
        assert of_hidden is not None
        for index in self._missing:
            for ranks in self.ranks[index]:
                of_hidden[:, ranks] = 0
        of_hidden.mul_(self.scale)
        gradients = self.cast.gradients(self.first)
        (gradients.downs if self.shared else gradients.down).addmm_(of_hidden.t(), flat(x))
        if not self.to_x:
            return None
        whole = torch.mm(of_hidden, self.downs) if of_x is None else of_x.addmm_(of_hidden, self.downs)
        return whole.view(x.shape)


def _columns(tensor: Tensor, columns: slice) -> Tensor:
    """Some columns of a matrix; itself where they are all."""
    whole = columns.start is None or columns.stop - columns.start == tensor.shape[1]
    return tensor if whole else tensor[:, columns]


class _First(torch.autograd.Function):
    """The first layer of an input; `y` is its own output, where that is computed elsewhere."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor | None, anchor: Tensor, constants: tuple) -> tuple[Tensor, Tensor]:
        layer, base, way = constants
        vectors = flat(x)
        hidden = way.hidden(vectors)
        whole = type(base).forward(base, vectors) if y is None else flat(y).clone()
        way.add(layer, whole, hidden)
        way.to_x = ctx.needs_input_grad[0]
        ctx.save_for_backward(x, hidden)
        ctx.set_materialize_grads(False)
        ctx.constants = constants
        return _shaped(whole, [*x.shape[:-1], whole.shape[-1]]), hidden

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor | None, _: None) -> tuple[Any, ...]:
        x, hidden = ctx.saved_tensors
        layer, base, way = ctx.constants
        if grad is not None:
            way.back(layer, base, grad, hidden)
        return way.end(x), None if base is not None else grad, None, None


class _Next(torch.autograd.Function):
    """Another layer of the same input. What it hands back it leaves with the way, for the first one to end."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, constants: tuple) -> Tensor:
        layer, base, way, x = constants
        whole = type(base).forward(base, flat(x))
        way.add(layer, whole, hidden)
        ctx.save_for_backward(hidden)
        ctx.constants = layer, base, way
        return _shaped(whole, [*x.shape[:-1], whole.shape[-1]])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[None, None]:
        layer, base, way = ctx.constants
        way.back(layer, base, grad, *ctx.saved_tensors)
        return None, None


class Inputs:
    """The input at hand, as long as layers may come that get it too."""

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self.x: Tensor | None = None
        self._hidden: Tensor | None = None
        self._version = 0
        self._way: Way | None = None
        self._awaited: set[int] = set()

    def through(self, layer: LowRank, base: nn.Module, x: Tensor, scale: Tensor) -> Tensor:
        """What a frozen linear layer makes of `x` with its deltas."""
        if x is self.x and layer.index in self._awaited and x._version == self._version:
            y: Tensor = _Next.apply(self._hidden, (layer, base, self._way, x))
        else:
            way = Way(layer, True, x, scale)
            y, hidden = _First.apply(x, None, way.cast.anchor(), (layer, base, way))
            self.x, self._version, self._hidden, self._way = x, x._version, hidden, way
            self._awaited = set(way.ranks)
        self._awaited.discard(layer.index)
        if not self._awaited:
            self._forget()
        return y


def added(layer: LowRank, x: Tensor, y: Tensor, scale: Tensor) -> Tensor:
    """`y`, what a layer made of `x`, with its deltas."""
    way = Way(layer, False, x, scale)
    whole: Tensor = _First.apply(x, y, way.cast.anchor(), (layer, None, way))[0]
    return whole
