"""Weights that layers make for each use: cast, dequantised, or fetched from other memory.

Autograd would keep each one that it needs for the backward pass; instead the layer makes it again there.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from comfy import ops
from comfy.quant_ops import QuantizedTensor
from torch import Tensor, nn


@dataclass(frozen=True)
class Cast:
    """How a layer made the weight and bias that it computes with."""

    layer: nn.Module
    make: Callable[[], Any]


@dataclass(frozen=True)
class Made:
    """A weight or bias that a layer has made, while it is alive."""

    tensor: weakref.ref[Tensor]
    cast: Cast
    index: int


@dataclass(frozen=True)
class CastWeight:
    """A view of a weight or bias that its layer makes again when the backward pass asks for it."""

    owner: CastWeights
    cast: Cast
    index: int
    size: torch.Size
    stride: tuple[int, ...]
    offset: int

    def get(self) -> Tensor:
        whole = self.owner.make_again(self.cast)[self.index]
        return whole.as_strided(self.size, self.stride, whole.storage_offset() + self.offset)


class CastWeights:
    """The weights that layers have made for their computation, and how each is made again.

    Attributes:
        seen: whether a layer has made a weight so far.
    """

    def __init__(self) -> None:
        self.seen = False
        self._made: dict[int, list[Made]] = {}
        self._in_use: tuple | None = None

    def wrapped(self, cast: Callable[..., Any]) -> Callable[..., Any]:
        """`comfy.ops.cast_bias_weight`, or a pack's function of that kind, with its results remembered."""

        def cast_bias_weight(layer: nn.Module, input: Tensor | None = None, *args: Any, **kwargs: Any) -> Any:
            self.release()
            made = _plain(cast(layer, input, *args, **kwargs), input is not None)
            again = Cast(layer, _maker(cast, layer, input, args, kwargs))
            for index, name in enumerate(("weight", "bias")):
                self._remember(made[index], getattr(layer, name), again, index)
            return made

        return cast_bias_weight

    def _remember(self, made: Tensor | None, own: Tensor | None, cast: Cast, index: int) -> None:
        """A layer's weight stays the same object while dynamic VRAM has room for it, so it is noted once."""
        if made is None or own is None or made is own or address_of(made) == address_of(own):
            return
        known = self._made.get(address_of(made), ())
        others = [entry for entry in known if entry.tensor() is not None and entry.tensor() is not made]
        self._made[address_of(made)] = [*others, Made(weakref.ref(made), cast, index)]
        self.seen = True

    def forget_gone(self) -> None:
        """Forgets the weights that are not alive any more: most are at another address in each step."""
        alive = {
            place: [entry for entry in entries if entry.tensor() is not None]
            for place, entries in self._made.items()
        }
        self._made = {place: entries for place, entries in alive.items() if entries}

    def find(self, tensor: Tensor) -> CastWeight | None:
        """The weight that `tensor` is or is a view of, if a layer has just made it."""
        for entry in reversed(self._made.get(address_of(tensor), ())):
            weight = entry.tensor()
            if weight is not None and weight.dtype == tensor.dtype and _within(tensor, weight):
                offset = int(tensor.storage_offset() - weight.storage_offset())
                return CastWeight(self, entry.cast, entry.index, tensor.size(), tensor.stride(), offset)
        return None

    def make_again(self, cast: Cast) -> Any:
        """Weight and bias, which stay valid until the next call of this or of `release`."""
        if self._in_use is None or self._in_use[0] is not cast:
            self.release()
            self._in_use = (cast, cast.make())
        return self._in_use[1]

    def release(self) -> None:
        """Gives the memory of the weight made last back to ComfyUI."""
        if self._in_use is not None:
            cast, made = self._in_use
            self._in_use = None
            if len(made) == 3:
                ops.uncast_bias_weight(cast.layer, *made)


def _maker(cast: Callable[..., Any], layer: nn.Module, input: Tensor | None, args: tuple, kwargs: dict) -> Any:
    """The cast once more, without a hold on the layer's input, whose graph is the whole step."""
    like, computes = None if input is None else input.detach().new_empty(0), input is not None
    return lambda: _plain(cast(layer, like, *args, **kwargs), computes)


def _plain(made: Any, computes: bool) -> Any:
    """Quantised weights that a layer computes with, dequantised: their own operations have no exact gradient."""
    if computes and isinstance(made[0], QuantizedTensor):
        return (made[0].dequantize(), *made[1:])
    return made


def _within(tensor: Tensor, whole: Tensor) -> bool:
    return whole.data_ptr() <= tensor.data_ptr() < whole.data_ptr() + max(1, whole.nbytes)


def address_of(tensor: Tensor) -> int:
    """Where the memory begins that `tensor` lies in."""
    inner = tensor._qdata if isinstance(tensor, QuantizedTensor) else tensor
    return inner.untyped_storage().data_ptr()
