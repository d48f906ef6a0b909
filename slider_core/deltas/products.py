"""Linear layers with their low-rank deltas, forward and back in few operations.

    hidden = scale · down · x      y = W x + up · hidden

Where only deltas are on a frozen linear layer, W x is computed here too: the deltas are added to it in place, and one
sum is the gradient for x of both. Layers that get the same x (q, k and v of an attention) are then computed together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .frozen import back_through, through
from .joint import Cast, LowRank
from .low_rank import flat

_shaped = torch.ops.aten._unsafe_view.default  # a view of its own could not be written to


class Call:
    """What one product is made of.

    Args:
        layers: whose deltas take part, kin if they are several.
        bases: the layers themselves; empty if what they give is given.
        scale: of each vector of the input, [n, 1].
    """

    def __init__(self, cast: Cast, layers: Sequence[LowRank], bases: Sequence[nn.Module], scale: Tensor):
        self.cast, self.layers, self.bases, self.scale = cast, layers, bases, scale
        matrices = cast.of(layers)
        assert matrices is not None
        self.matrices = matrices

    def forward(self, x: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
        """The scaled hidden values of vectors `x`, and the outputs: [n, rows], of several layers [layers, n, rows]."""
        hidden = torch.mm(x, self.matrices.down.t()).mul_(self.scale)
        outputs = y.clone() if y is not None else self._of_bases(x)
        for ups in self.matrices.ups:
            ups.add(outputs, hidden)
        return hidden, outputs

    def _of_bases(self, x: Tensor) -> Tensor:
        if len(self.bases) == 1:
            return through(self.bases[0], x)
        outputs = x.new_empty(len(self.bases), len(x), len(self.matrices.ups[0].whole[0]))
        for base, output in zip(self.bases, outputs, strict=True):
            through(base, x, output)
        return outputs

    def backward(self, grad: Tensor, kept: Sequence[Tensor], to_x: bool) -> Tensor | None:
        """The gradient of the input, if it is wanted, of that of the outputs; hands those of the matrices on.

        Args:
            kept: the input and `hidden`, where the matrices are trained.
        """
        matrices = self.matrices
        of_hidden = grad.new_empty(grad.shape[-2], len(matrices.down))
        for ups in matrices.ups:
            ups.back(grad, of_hidden)
        of_hidden.mul_(self.scale)
        if kept:
            x, hidden = kept
            gradients = self.cast.gradients(self.layers)
            for ups in gradients.ups:
                ups.add_gradient(grad, hidden)
            gradients.down.addmm_(of_hidden.t(), flat(x))
        if not to_x:
            return None
        of_x = None
        for base, of_output in zip(self.bases, grad.unbind() if grad.ndim == 3 else [grad], strict=False):
            of_x = back_through(base, of_output, of_x)
        return torch.mm(of_hidden, matrices.down) if of_x is None else of_x.addmm_(of_hidden, matrices.down)


class _Product(torch.autograd.Function):
    """A call; the gradients of the matrices do not pass through autograd themselves."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor | None, anchor: Tensor | None, call: Call) -> Any:
        hidden, outputs = call.forward(flat(x), None if y is None else flat(y))
        if call.cast.trained:
            ctx.save_for_backward(x, hidden)
        ctx.call, ctx.shape = call, x.shape
        if outputs.ndim == 2:
            return _shaped(outputs, [*x.shape[:-1], outputs.shape[-1]])
        ctx.set_materialize_grads(False)
        return tuple(output.view(*x.shape[:-1], -1).data for output in outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        to_x, to_y, *_ = ctx.needs_input_grad
        grad = flat(grads[0]) if len(grads) == 1 else _stacked(grads)
        of_x = ctx.call.backward(grad, ctx.saved_tensors, to_x)
        return of_x if of_x is None else of_x.view(ctx.shape), grads[0] if to_y else None, None, None


def _stacked(grads: Sequence[Tensor | None]) -> Tensor:
    """The gradients of several outputs, [outputs, n, rows]."""
    there = next(grad for grad in grads if grad is not None)
    return torch.stack([torch.zeros_like(there) if grad is None else grad for grad in grads]).flatten(1, -2)


def added(layer: LowRank, x: Tensor, y: Tensor, scale: Tensor) -> Tensor:
    """`y` [batch, …, rows] plus `scale` [n, 1] · up · down · `x` [batch, …, columns], seen as n vectors."""
    cast = layer.joint.cast(x)
    call = Call(cast, [layer], (), scale)
    if torch.is_grad_enabled():
        total: Tensor = _Product.apply(x, y, cast.anchor(), call)
        return total
    return call.forward(flat(x), flat(y))[1].view(y.shape)


class Kin:
    """What frozen linear layers make of their inputs, with their deltas; kin come with the first one of them."""

    def __init__(self) -> None:
        self._bases: dict[int, nn.Module] = {}
        self._x: Tensor | None = None
        self._version = 0
        self._made: dict[int, Tensor] = {}

    def add(self, layer: LowRank, base: nn.Module) -> None:
        """Takes a layer in, whose deltas are those of `layer`."""
        self._bases[layer.index] = base

    def remove(self, layer: LowRank) -> None:
        """Lets a layer go, and what was computed ahead of it."""
        self._bases.pop(layer.index, None)
        self._x, self._made = None, {}

    def through(self, layer: LowRank, x: Tensor, scale: Tensor) -> Tensor:
        """What the layer of these deltas makes of `x`; `scale` [n, 1] is that of the deltas for each vector in it."""
        if x is self._x and layer.index in self._made and x._version == self._version:
            return self._take(layer)
        cast = layer.joint.cast(x)
        first = layer is layer.group[0] and all(other.index in self._bases for other in layer.group)
        layers = layer.group if first and cast.of(layer.group) else [layer]
        call = Call(cast, layers, [self._bases[other.index] for other in layers], scale)
        made = _Product.apply(x, None, cast.anchor(), call)
        if len(layers) == 1:
            return made
        self._x, self._version = x, x._version
        self._made = {other.index: y for other, y in zip(layers, made, strict=True)}
        return self._take(layer)

    def _take(self, layer: LowRank) -> Tensor:
        y = self._made.pop(layer.index)
        if not self._made:
            self._x = None
        return y
