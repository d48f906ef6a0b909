"""Products of two thin matrices, added to linear layers' outputs in as few operations as the algebra allows.

Those on one layer make one product: their `down` stacked, each `up` at the rows that it changes. Where the matrices of
all layers lie in the model's type, and where their gradients go, is `joint`; how they are trained, `trained`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from .joint import Joint

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
        kin: layers of the same one that follow each other may get the same input.
    """

    def __init__(
        self, joint: Joint, parts: Sequence[tuple[Rows, Callable[[Tensor], Factors]]], kin: object = None
    ):
        self.rows = [slice(*rows) if rows else slice(None) for rows, _ in parts]
        self._factors = [factors for _, factors in parts]
        self.joint, self.kin = joint, kin
        self.index = joint.join(self)

    def factors(self, x: Tensor) -> list[Factors]:
        """The matrices of each part, for an input."""
        return [factors(x) for factors in self._factors]

    def added(self, x: Tensor, y: Tensor, scale: Tensor) -> Tensor:
        """`y` [batch, …, rows] plus `scale` [n, 1] · up · down · `x` [batch, …, columns], seen as n vectors."""
        matrices = self.joint.cast(x).matrices[self.index]
        up = matrices.joint_up(self.rows, y.shape[-1])
        hidden = torch.mm(flat(x), matrices.down.t()).mul_(scale)
        return torch.addmm(flat(y), hidden, up.t()).view(y.shape)


class Matrices:
    """The matrices of one layer: an up for each part, and all downs as one.

    Attributes:
        ranks: of each part, in `down`.
        down: those of this layer.
        downs: those of this layer and of its kin behind it, which follow in memory.
    """

    def __init__(self, ups: Sequence[Tensor], downs: Sequence[Tensor], of_kin: int):
        self.ups = ups
        self.ranks = [slice(*ends) for ends in pairwise(accumulate((len(down) for down in downs), initial=0))]
        first = downs[0]  # the others follow it in memory
        self.down = first.as_strided((self.ranks[-1].stop, first.shape[1]), first.stride())
        self.downs = first.as_strided((len(self.down) + of_kin, first.shape[1]), first.stride())
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


def flat(tensor: Tensor) -> Tensor:
    """As vectors [n, columns]."""
    return tensor.reshape(-1, tensor.shape[-1])
