"""What is added to one layer's output: deltas, scaled for each row of the batch, on top of the base layer alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from .low_rank import Factors, LowRank


class StrengthError(ValueError):
    """The strengths given do not fit the batch they are meant for."""


class Delta(Protocol):
    """What one adapter adds to one layer, or to the output rows `rows` of a layer with fused weights."""

    rows: tuple[int, int] | None

    def delta(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor) -> Tensor:
        """The addition to `y[rows]`, scaled.

        Args:
            x: the layer's input, batch first.
            y: the base layer's output for `x`, at the adapter's rows.
            layer: the base layer, frozen.
            scale: strength of each row of the batch, shaped to broadcast over `x` and `y`.
        """
        ...


@runtime_checkable
class Thin(Protocol):
    """A delta that may be a product of two thin matrices."""

    rows: tuple[int, int] | None

    def low_rank(self, layer: nn.Module) -> Factors | None:
        """The two matrices, if their product is all that it adds to this layer now; else None."""
        ...


def scale_for(x: Tensor, strength: Tensor, batch_dim: int = 0) -> Tensor:
    """`strength` [batch] shaped to broadcast over `x`, whose batch dimension may fold frames or windows in.

    Raises:
        StrengthError: if the rows of `x` are no multiple of the number of strengths.
    """
    rows, given = x.shape[batch_dim], strength.shape[0]
    if given != 1 and rows % given:
        if not bool((strength == strength[0]).all()):
            raise StrengthError(
                f"a layer got {rows} rows for a batch of {given} with different strengths, so which row has "
                f"which strength is unknown. Use one strength for the whole batch with this model."
            )
        strength, given = strength[:1], 1
    per_row = strength.repeat_interleave(rows // given)
    shape = [1] * x.ndim
    shape[batch_dim] = rows
    return per_row.to(x.device, x.dtype).reshape(shape)


def channel_dim(layer: nn.Module, y: Tensor) -> int:
    """The dimension of `y` that a row of the layer's weight writes to: 1 for convolutions, else the last."""
    return 1 if hasattr(layer, "kernel_size") else y.ndim - 1


def added(
    layer: nn.Module,
    x: Tensor,
    y: Tensor,
    deltas: Sequence[Delta],
    scale: Tensor,
    onto: Tensor | None = None,
) -> Tensor:
    """`y` with every delta of this layer added; those on rows of a fused weight in a single addition.

    Args:
        onto: what is added to, if not `y`, the base layer's output, itself.
    """
    dim = channel_dim(layer, y)
    additions = [d.delta(x, y, layer, scale) for d in deltas if d.rows is None]
    on_rows = sorted(((d.rows, d) for d in deltas if d.rows is not None), key=lambda pair: pair[0])
    if on_rows:
        pieces, position = [], 0
        for (start, stop), d in on_rows:
            pieces.append(torch.zeros_like(y.narrow(dim, position, start - position)))
            pieces.append(d.delta(x, y.narrow(dim, start, stop - start), layer, scale).to(y.dtype))
            position = stop
        pieces.append(torch.zeros_like(y.narrow(dim, position, y.shape[dim] - position)))
        additions.append(torch.cat([piece for piece in pieces if piece.shape[dim]], dim))
    total = y if onto is None else onto
    for addition in additions:
        total = total + addition.to(y.dtype)
    return total


class Share:
    """What one `attached` adds to one layer.

    Args:
        low_rank: all of the deltas as one, if they can be (see `joined`).
        scales: `scale_for` of the inputs met so far, for all layers of the same `attached`.
    """

    def __init__(
        self,
        deltas: Sequence[Delta],
        low_rank: LowRank | None,
        strength: Tensor,
        batch_dim: int,
        scales: dict[tuple, Tensor],
    ):
        self.deltas, self.low_rank = deltas, low_rank
        self.strength, self.batch_dim, self.scales = strength, batch_dim, scales

    def added(self, layer: nn.Module, x: Tensor, y: Tensor, onto: Tensor) -> Tensor:
        """`onto`, to which this is added as to `y`, the base layer's output for `x`."""
        form = (x.shape[self.batch_dim], self.batch_dim, x.ndim, x.device, x.dtype)
        if form not in self.scales:
            self.scales[form] = scale_for(x, self.strength, self.batch_dim)
        if self.low_rank is None or x.dtype != y.dtype:
            return added(layer, x, y, self.deltas, self.scales[form], onto)
        return self.low_rank.added(x, onto, self.scales[form])


class Sum:
    """The forward hook of a layer: every share is computed from the base layer's own output."""

    def __init__(self, layer: nn.Module):
        self.shares: list[Share] = []
        self.handle = layer.register_forward_hook(self)

    def __call__(self, layer: nn.Module, args: tuple, y: Tensor) -> Tensor:
        total = y
        for share in self.shares:
            total = share.added(layer, args[0], y, total)
        return total

    def take_off(self, share: Share) -> None:
        self.shares.remove(share)
        if not self.shares:
            self.handle.remove()


def put_on(layer: nn.Module, share: Share) -> Callable[[], None]:
    """Adds a share to a layer; what is returned takes it off again."""
    there = next((hook for hook in layer._forward_hooks.values() if isinstance(hook, Sum)), None)
    total = there or Sum(layer)
    total.shares.append(share)
    return partial(total.take_off, share)


def joined(layer: nn.Module, deltas: Sequence[Delta]) -> LowRank | None:
    """The deltas of a layer as one, if all of them are low-rank."""
    factors = [(delta.rows, delta.low_rank(layer) if isinstance(delta, Thin) else None) for delta in deltas]
    parts = [(rows, factor) for rows, factor in factors if factor is not None]
    return LowRank(parts) if parts and len(parts) == len(deltas) else None
