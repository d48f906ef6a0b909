"""Strength is data: adapters are added to layers for the time of one model call, scaled row by row.

While `attached` is open, the forward of each target layer returns `y + strength[row] * a(x)`. Nothing is
replaced or patched, and nothing stays behind on the model afterwards (DESIGN, section 4).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn


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


def scale_for(x: Tensor, strength: Tensor) -> Tensor:
    """`strength` [batch] shaped to broadcast over `x`, whose first dimension may fold frames or windows in.

    Raises:
        StrengthError: if the rows of `x` are no multiple of the number of strengths.
    """
    rows, given = x.shape[0], strength.shape[0]
    if rows % given:
        if not bool((strength == strength[0]).all()):
            raise StrengthError(
                f"a layer got {rows} rows for a batch of {given} with different strengths, so which row has "
                f"which strength is unknown. Use one strength for the whole batch with this model."
            )
        strength, given = strength[:1], 1
    per_row = strength.repeat_interleave(rows // given)
    return per_row.to(x.device, x.dtype).reshape(-1, *[1] * (x.ndim - 1))


def channel_dim(layer: nn.Module, y: Tensor) -> int:
    """The dimension of `y` that a row of the layer's weight writes to: 1 for convolutions, else the last."""
    return 1 if hasattr(layer, "kernel_size") else y.ndim - 1


def added(layer: nn.Module, x: Tensor, y: Tensor, deltas: Sequence[Delta], strength: Tensor) -> Tensor:
    """`y` with every delta of this layer added at its rows, in one addition per run of disjoint rows."""
    scale, dim = scale_for(x, strength), channel_dim(layer, y)
    whole = [d.delta(x, y, layer, scale) for d in deltas if d.rows is None]
    pieces, position = [], 0
    for d in sorted((d for d in deltas if d.rows is not None), key=lambda d: d.rows or (0, 0)):
        start, stop = d.rows or (0, 0)
        if start > position:
            pieces.append(torch.zeros_like(y.narrow(dim, position, start - position)))
        part = d.delta(x, y.narrow(dim, start, stop - start), layer, scale)
        pieces.append(part.to(y.dtype))
        position = stop
    if pieces:
        if position < y.shape[dim]:
            pieces.append(torch.zeros_like(y.narrow(dim, position, y.shape[dim] - position)))
        whole.append(torch.cat(pieces, dim) if len(pieces) > 1 else pieces[0])
    for addition in whole:
        y = y + addition.to(y.dtype)
    return y


@contextmanager
def attached(model: nn.Module, deltas: Mapping[str, Sequence[Delta]], strength: Tensor) -> Iterator[None]:
    """Adds adapters to the named layers of `model` while open.

    Args:
        model: any module; the names in `deltas` are submodule names of it.
        deltas: per layer name, its adapters, whose rows must not overlap.
        strength: one number per row of the batch of the model calls made meanwhile, shape [batch].

    Rows of strength 0 give the base model's output exactly; if all are 0, nothing is attached at all.
    """
    with ExitStack() as stack:
        if bool((strength != 0).any()):
            for name, of_layer in deltas.items():
                hook = _hook(of_layer, strength)
                stack.callback(model.get_submodule(name).register_forward_hook(hook).remove)
        yield


def _hook(deltas: Sequence[Delta], strength: Tensor):
    def hook(layer: nn.Module, args: tuple, y: Tensor) -> Tensor:
        return added(layer, args[0], y, deltas, strength)

    return hook
