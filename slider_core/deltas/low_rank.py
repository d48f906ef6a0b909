"""The thin matrices of low-rank deltas, multiplied in as few operations as the algebra allows.

Those on one layer make one product: their `down` stacked, each `up` at the rows that it changes; those of layers that
share an input (kin) too. Where the matrices of all layers lie in the model's type, and where their gradients go, is
`joint`; how they are computed, forward and back, `products`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

Rows = tuple[int, int] | None


class Factors(NamedTuple):
    """The matrices of a delta: `up` [rows, rank], `down` [rank, columns]."""

    up: Tensor
    down: Tensor


class Thin(NamedTuple):
    """A delta that is ratio · up · down; `factors` gives the matrices for an input."""

    ratio: float
    factors: Callable[[Tensor], Factors]


class Ups:
    """Ups of one shape whose rows begin at the same distance, multiplied in one operation.

    Args:
        ups: [height, rank], one after the other in memory.
        start: their first row in the layer's output.
        step: rows from one to the next.
        rank: their first one in `hidden`.
    """

    def __init__(self, ups: Sequence[Tensor], start: int, step: int, rank: int):
        first, self._count = ups[0], len(ups)
        self._height, self._ranks = first.shape
        self._start, self._step, self._rank = start, step, rank
        shape, stride = (self._count, *first.shape), (first.numel(), *first.stride())
        one = self._count == 1
        self.whole = first if one else first.as_strided(shape, stride)
        self._times: Callable[..., Tensor] = torch.mm if one else torch.bmm
        self._add_times: Callable[..., Tensor] = Tensor.addmm_ if one else Tensor.baddbmm_

    def add(self, y: Tensor, hidden: Tensor) -> None:
        """Adds the product with `hidden` [n, ranks] to `y` [n, rows], or to outputs of its own [count, n, height]."""
        self._add_times(self._of(y), self._of_hidden(hidden), self.whole.mT)

    def back(self, grad: Tensor, of_hidden: Tensor) -> None:
        """Sets its part of the gradient of `hidden`, of that of `y`."""
        self._times(self._of(grad), self.whole, out=self._of_hidden(of_hidden))

    def add_gradient(self, grad: Tensor, hidden: Tensor) -> None:
        """Adds its gradient, of that of `y`, where this is of gradients itself."""
        self._add_times(self.whole, self._of(grad).mT, self._of_hidden(hidden))

    def _of(self, y: Tensor) -> Tensor:
        return y if y.ndim == 3 else self._columns(y, self._start, self._step, self._height)

    def _of_hidden(self, hidden: Tensor) -> Tensor:
        return self._columns(hidden, self._rank, self._ranks, self._ranks)

    def _columns(self, matrix: Tensor, start: int, step: int, width: int) -> Tensor:
        if self._count == 1:
            return matrix if width == matrix.shape[1] else matrix[:, start : start + width]
        row, column = matrix.stride()
        size, stride = (self._count, len(matrix), width), (step * column, row, column)
        return matrix.as_strided(size, stride, matrix.storage_offset() + start * column)


class Matrices:
    """The matrices of one layer, or of several that share an input: all downs as one, and the ups."""

    def __init__(self, starts: Sequence[int], ups: Sequence[Tensor], downs: Sequence[Tensor]):
        first = downs[0]  # the others follow it in memory
        self.down = first.as_strided((sum(map(len, downs)), first.shape[1]), first.stride())
        steps = {after - before for before, after in pairwise(starts)}
        self.ups: list[Ups] = []
        if len(steps) < 2 and len({up.shape for up in ups}) == 1:
            self.ups.append(Ups(ups, starts[0], steps.pop() if steps else 0, 0))
            return
        rank = 0
        for start, up in zip(starts, ups, strict=True):
            self.ups.append(Ups([up], start, 0, rank))
            rank += up.shape[1]


def flat(tensor: Tensor) -> Tensor:
    """As vectors [n, columns]."""
    return tensor.reshape(-1, tensor.shape[-1])
