"""Deltas for changes of a weight that ComfyUI's LoRA loader has read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..deltas.low_rank import Factors, Thin
from ..layers import LayerError, Shape, along_channels, channel_dim, is_conv, shape_of
from ..replaced import replaced
from ..strength import Delta

Tensors = Sequence[Tensor]
Add = Callable[[Tensor, Tensor, nn.Module, Tensor, Tensors], Tensor]
"""From (x, y, layer, scale, tensors) the addition to y."""


class Unusable(Exception):  # noqa: N818
    """This change of a weight cannot be made on the layer's output; the message says why."""


@dataclass(frozen=True)
class ParameterSlice:
    """Where a change goes: a parameter of a module, some of its rows or all, and in which order its rows come."""

    module: nn.Module
    parameter: str
    rows: tuple[int, int] | None = None
    reorder: Callable[[Tensor], Tensor] | None = None

    @property
    def shape(self) -> Shape:
        try:
            return shape_of(self.module, self.rows)
        except LayerError as error:
            raise Unusable(str(error)) from None

    @property
    def offset(self) -> tuple[int, int, int] | None:
        """The rows as ComfyUI's patches name them: dimension, first, number."""
        return None if self.rows is None else (0, self.rows[0], self.rows[1] - self.rows[0])


class WeightChange:
    """A delta that changes one parameter.

    Attributes:
        tensors: what it is made of; they travel to the device of the layer's input once.
        patch: what ComfyUI's LoRA loader read for the place, which changes the parameter itself in the same way.
    """

    patch: Any = None

    def __init__(self, place: ParameterSlice, rows: tuple[int, int] | None, tensors: Tensors):
        self.place, self.rows, self.tensors = place, rows, Travelling(tensors)

    def free(self) -> None:
        """Forgets the copies of its tensors on the device."""
        self.tensors.copies = {}

    def delta(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor) -> Tensor:
        raise NotImplementedError


class LayerDelta(WeightChange):
    """A change of a linear layer's or a convolution's weight.

    Attributes:
        ratio: alpha / rank, where the change is a plain LoRA and its tensors are `up` and `down`.
    """

    ratio: float | None = None

    def __init__(self, place: ParameterSlice, tensors: Tensors, add: Add):
        super().__init__(place, place.rows, tensors)
        self.add = add

    def thin(self, layer: nn.Module) -> Thin | None:
        if self.ratio is None or self.place.reorder or is_conv(layer):
            return None
        return Thin(self.ratio, lambda x: Factors(*self.tensors.tensors))

    def delta(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor) -> Tensor:
        addition = self.add(x, y, layer, scale.to(x.dtype), self.tensors.at(x))
        if self.place.reorder is None:
            return addition
        channels = channel_dim(layer)
        return self.place.reorder(addition.movedim(channels, 0)).movedim(0, channels)


class Travelling:
    """Tensors with a copy where, and in the type in which, they were last needed."""

    def __init__(self, tensors: Tensors):
        self.tensors = tensors
        self.copies: dict[tuple[torch.device, torch.dtype], list[Tensor]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Without the copies: what a slider is does not change by being used (`training.digest` looks at this)."""
        return {"tensors": self.tensors, "copies": {}}

    def at(self, x: Tensor) -> list[Tensor]:
        """The tensors on the device and in the type of `x`, and such that autograd can save them."""
        form = (x.device, x.dtype)
        if form not in self.copies:
            with torch.inference_mode(False), torch.no_grad():
                cast = [tensor.to(x.device, x.dtype) for tensor in self.tensors]
                self.copies = {form: [tensor.clone() if tensor.is_inference() else tensor for tensor in cast]}
        return self.copies[form]


class ParameterDelta(WeightChange):
    """A change of a bias, or of a norm's parameter: the layer's output is linear in it, so it is run twice."""

    def __init__(self, place: ParameterSlice, value: Tensor, sets: bool):
        module, name = place.module, place.parameter
        known = name == "bias" or "norm" in type(module).__name__.lower()
        if not known or not isinstance(getattr(module, name, None), Tensor):
            raise Unusable(
                f"a {type(module).__name__} whose {name} changes cannot have a strength for each row"
            )
        if getattr(module, name).shape != value.shape:
            raise Unusable(
                f"a value of shape {tuple(value.shape)} for one of {tuple(getattr(module, name).shape)}"
            )
        super().__init__(place, None, [value])
        self.name, self.sets = name, sets

    def delta(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor) -> Tensor:
        (value,) = self.tensors.at(x)
        if self.name == "bias" and not self.sets and not hasattr(layer, "eps"):
            return along_channels(value, y, layer) * scale
        own = layer._parameters[self.name]
        assert own is not None
        changed = value if self.sets else own.to(value) + value
        with replaced(layer._parameters, self.name, nn.Parameter(changed.to(own), requires_grad=False)):
            other = layer.forward(x)
        return (other - y) * ((scale != 0).to(y) if self.sets else scale)

    def change_of(self, own: Tensor, strength: float) -> Tensor:
        """What is added to the parameter at a strength other than 0, where it is `own` in the base model."""
        (value,) = self.tensors.at(own)
        return value - own if self.sets else value * strength


class Widened:
    """A delta on some rows as one on all of them, 0 elsewhere."""

    def __init__(self, delta: Delta):
        self.narrow = delta
        self.rows: tuple[int, int] | None = None

    def delta(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor) -> Tensor:
        assert self.narrow.rows is not None
        start, stop = self.narrow.rows
        dim = channel_dim(layer)
        part = y.narrow(dim, start, stop - start)
        whole = torch.zeros_like(y)
        whole.narrow(dim, start, stop - start).copy_(self.narrow.delta(x, part, layer, scale))
        return whole


def change_in(delta: Delta) -> WeightChange | None:
    """The change of a parameter that a delta is; None for adapters that do not come from a file."""
    own = delta.narrow if isinstance(delta, Widened) else delta
    return own if isinstance(own, WeightChange) else None


def without_overlap(deltas: list[Delta]) -> list[Delta]:
    """The deltas of a layer, widened to all rows where their rows overlap: those attached must not."""
    at = sorted(delta.rows for delta in deltas if delta.rows is not None)
    if all(first[1] <= second[0] for first, second in zip(at, at[1:], strict=False)):
        return deltas
    return [delta if delta.rows is None else Widened(delta) for delta in deltas]
