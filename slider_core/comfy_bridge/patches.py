"""What ComfyUI's LoRA loader read for one weight, as a delta on the layer's output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from comfy.weight_adapter import BOFTAdapter, GLoRAAdapter, LoHaAdapter, LoKrAdapter, LoRAAdapter, OFTAdapter
from torch import Tensor, nn

from ..adapters import loha, lokr, lora
from ..adapters.base import AdapterError, Shape
from ..adapters.glora import through_base
from ..adapters.layer import along_channels, apply_pointwise, apply_weight, base_weight, is_conv, shape_at
from ..adapters.layer import without_bias as base_output
from ..adapters.oft import turned, turned_by_butterfly
from ..strength import Delta

Tensors = Sequence[Tensor]


class Unusable(Exception):  # noqa: N818
    """This change of a weight cannot be made on the layer's output; the message says why."""


@dataclass(frozen=True)
class Place:
    """Where a change goes: a parameter of a module, some of its rows or all, and in which order its rows come."""

    module: nn.Module
    parameter: str
    rows: tuple[int, int] | None = None
    reorder: Callable[[Tensor], Tensor] | None = None

    @property
    def shape(self) -> Shape:
        try:
            return shape_at(self.module, self.rows)
        except AdapterError as error:
            raise Unusable(str(error)) from None


def delta_of(patch: Any, place: Place) -> Delta:
    """The delta for what `comfy.lora.load_lora` read for one place.

    Raises:
        Unusable: if the change has another shape than the layer, or cannot be made on its output.
    """
    if isinstance(patch, tuple):
        kind, (value, *_) = patch
        if place.parameter == "weight" and kind == "diff" and hasattr(place.module, "in_features"):
            return _difference(value, place)
        if place.parameter == "weight" and kind == "diff" and is_conv(place.module):
            return _difference(value, place)
        return ParameterDelta(place, value, kind == "set")
    reader = READERS.get(type(patch))
    if reader is None:
        raise Unusable(f"there is no reader for {type(patch).__name__}")
    if getattr(place.module, "groups", 1) != 1 and type(patch) in (LoKrAdapter, GLoRAAdapter):
        raise Unusable(f"{patch.name} on a convolution in groups")
    try:
        return reader(patch.weights, place)
    except RuntimeError as error:  # a tensor that does not reshape to the layer
        raise Unusable(str(error)) from None


class LayerDelta:
    """A change of a linear layer's or a convolution's weight.

    Args:
        tensors: what it is made of; they travel to the device of the layer's input once.
        add: from (x, y, layer, scale, tensors) the addition to y.
    """

    def __init__(self, place: Place, tensors: Tensors, add: Callable[..., Tensor]):
        self.rows, self.place, self.add = place.rows, place, add
        self.tensors = Travelling(tensors)

    def delta(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor) -> Tensor:
        addition = self.add(x, y, layer, scale, self.tensors.at(x))
        if self.place.reorder is None:
            return addition
        channels = 1 if is_conv(layer) else -1
        return self.place.reorder(addition.movedim(channels, 0)).movedim(0, channels)


class Travelling:
    """Tensors with a copy where, and in the type in which, they were last needed."""

    def __init__(self, tensors: Tensors):
        self.tensors = tensors
        self.copies: dict[tuple[torch.device, torch.dtype], list[Tensor]] = {}

    def at(self, x: Tensor) -> list[Tensor]:
        """The tensors on the device and in the type of `x`, and such that autograd can save them."""
        form = (x.device, x.dtype)
        if form not in self.copies:
            with torch.inference_mode(False), torch.no_grad():
                cast = [tensor.to(x.device, x.dtype) for tensor in self.tensors]
                self.copies = {form: [tensor.clone() if tensor.is_inference() else tensor for tensor in cast]}
        return self.copies[form]


def _difference(value: Tensor, place: Place) -> Delta:
    if tuple(value.shape) != place.shape.full:
        raise Unusable(f"a difference of shape {tuple(value.shape)} for a weight of {place.shape.full}")

    def add(x, y, layer, scale, tensors):
        return apply_weight(layer, x, tensors[0]) * scale

    return LayerDelta(place, [value], add)


def _lora(weights: Sequence[Any], place: Place) -> Delta:
    up, down, alpha, mid, lengths, reshape = weights
    if reshape is not None:
        raise Unusable("it makes the layer larger, as control LoRAs do: load it with ComfyUI's own loader")
    if mid is not None:
        down = torch.einsum("m n ..., n j -> m j ...", mid, down.flatten(1))
    shape, rank = place.shape, len(down)
    up = up.reshape(shape.rows, rank, *shape.ones)
    down = down.reshape(rank, shape.columns, *shape.kernel)
    ratio = 1.0 if alpha is None else alpha / rank

    def add(x, y, layer, scale, tensors):
        return lora.addition(x, layer, tensors[0], tensors[1], scale * ratio)

    return _scaled_to(lengths, place, [up, down], add)


def _loha(weights: Sequence[Any], place: Place) -> Delta:
    w1a, w1b, alpha, w2a, w2b, t1, t2, lengths = weights
    shape, ratio = place.shape, 1.0 if alpha is None else alpha / len(w1b)
    if t1 is not None:
        (w1a, w1b), (w2a, w2b) = loha.without_tucker(w1a, w1b, t1), loha.without_tucker(w2a, w2b, t2)
    wide, thin = (shape.rows, -1), (-1, shape.patch)
    factors = [w1a.reshape(wide), w1b.reshape(thin), w2a.reshape(wide), w2b.reshape(thin)]

    def add(x, y, layer, scale, tensors):
        return loha.addition(x, layer, tuple(tensors), scale * ratio, shape)

    return _scaled_to(lengths, place, factors, add)


def _lokr(weights: Sequence[Any], place: Place) -> Delta:
    w1, w2, alpha, w1_a, w1_b, w2_a, w2_b, t2, lengths = weights
    rank = len(w2_b) if w2 is None else len(w1_b) if w1 is None else None
    ratio = 1.0 if alpha is None or rank is None else alpha / rank
    w1 = w1_a @ w1_b if w1 is None else w1
    columns, kernel = place.shape.columns // w1.shape[1], place.shape.kernel
    if w2 is not None:
        second = [w2.reshape(-1, columns, *kernel)]
    elif t2 is not None:
        second = [w2_a.T, torch.einsum("i j ..., j d -> i d ...", t2, w2_b)]
    else:
        second = [w2_a, w2_b.reshape(len(w2_b), columns, *kernel)]
    if len(w1) * len(second[0]) != place.shape.rows or w1.shape[1] * columns != place.shape.columns:
        raise Unusable("a Kronecker product of another size than the weight")

    def add(x, y, layer, scale, tensors):
        return lokr.addition(x, layer, tensors[0], tuple(tensors[1:]), scale * ratio)

    return _scaled_to(lengths, place, [w1, *second], add)


def _glora(weights: Sequence[Any], place: Place) -> Delta:
    a1, a2, b1, b2, alpha, lengths = weights
    shape = place.shape
    rank = len(a2)
    if a1.shape[1] != rank or b2.shape[0] != rank:  # LyCORIS's older form has the factors the other way round
        a1, a2, b1, b2, rank = a2, a1, b2, b1, len(a1)
    ratio = 1.0 if alpha is None else alpha / rank
    factors = [
        a1.reshape(shape.columns, rank, *shape.ones),
        a2.reshape(rank, shape.columns, *shape.ones),
        b1.reshape(shape.rows, rank, *shape.ones),
        b2.reshape(rank, shape.columns, *shape.kernel),
    ]

    def add(x, y, layer, scale, tensors):
        a1, a2, b1, b2 = tensors
        on_input = apply_pointwise(apply_pointwise(x * (scale * ratio), a2), a1)
        return through_base(on_input, layer, place.rows) + lora.addition(x, layer, b1, b2, scale * ratio)

    return _scaled_to(lengths, place, factors, add)


def _rotation(turn: Callable[..., Tensor]) -> Callable[[Sequence[Any], Place], Delta]:
    def read(weights: Sequence[Any], place: Place) -> Delta:
        blocks, _, alpha, _ = weights  # ComfyUI reads `rescale` and does not use it
        if blocks.shape[-3] * blocks.shape[-1] != place.shape.rows:
            raise Unusable("rotations of another size than the weight")

        def add(x, y, layer, scale, tensors):
            plain = base_output(y, layer, place.rows)
            if is_conv(layer):
                return turn(plain.movedim(1, -1), tensors[0], alpha or 0.0).movedim(-1, 1) * scale
            return turn(plain, tensors[0], alpha or 0.0) * scale

        return LayerDelta(place, [blocks], add)

    return read


READERS: dict[type, Callable[[Sequence[Any], Place], Delta]] = {
    LoRAAdapter: _lora,
    LoHaAdapter: _loha,
    LoKrAdapter: _lokr,
    GLoRAAdapter: _glora,
    OFTAdapter: _rotation(turned),
    BOFTAdapter: _rotation(turned_by_butterfly),
}


def _scaled_to(lengths: Tensor | None, place: Place, tensors: Tensors, add: Callable[..., Tensor]) -> Delta:
    """The change `add`, or with `lengths` (`dora_scale`) the one that scales rows or columns as well."""
    if lengths is None:
        return LayerDelta(place, tensors, add)
    kind = RowLengths if len(lengths) == place.shape.rows else ColumnLengths
    return kind(place, tensors, add, lengths.flatten().float())


class RowLengths(LayerDelta):
    """W' = (W + ΔW) · lengths / |W| by rows, as ComfyUI does it; the weight at strength s is W + s · (W' − W)."""

    def __init__(self, place: Place, tensors: Tensors, add: Callable[..., Tensor], lengths: Tensor):
        super().__init__(place, tensors, self._scaled)
        self.unscaled, self.lengths = add, lengths
        self.factor: Tensor | None = None

    def _scaled(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor, tensors: Tensors) -> Tensor:
        if self.factor is None:
            norms = _weight(layer, self.rows, x).flatten(1).norm(dim=1)
            self.factor = self.lengths.to(x.device) / (norms + torch.finfo(torch.float32).eps)
        plain = base_output(y, layer, self.rows)
        change = self.unscaled(x, y, layer, torch.ones_like(scale), tensors)
        grown = along_channels(self.factor - 1, plain, layer) * plain
        return (grown + along_channels(self.factor, plain, layer) * change) * scale


class ColumnLengths(LayerDelta):
    """The same by columns, divided by the lengths of W + ΔW."""

    def __init__(self, place: Place, tensors: Tensors, add: Callable[..., Tensor], lengths: Tensor):
        super().__init__(place, tensors, self._scaled)
        self.unscaled, self.lengths = add, lengths
        self.factor: Tensor | None = None

    def _scaled(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor, tensors: Tensors) -> Tensor:
        if self.factor is None:
            weight = _weight(layer, self.rows, x)
            change = _probed(self, weight)
            norms = (weight + change).transpose(0, 1).flatten(1).norm(dim=1)
            self.factor = self.lengths.to(x.device) / (norms + torch.finfo(torch.float32).eps)
        stretched = x * along_channels(self.factor, x, layer)
        changed = self.unscaled(stretched, y, layer, torch.ones_like(scale), tensors)
        return (through_base(stretched, layer, self.rows) + changed - base_output(y, layer, self.rows)) * scale


@torch.no_grad()
def _weight(layer: nn.Module, rows: tuple[int, int] | None, like: Tensor) -> Tensor:
    weight = base_weight(layer, torch.empty(0, device=like.device))[0]
    return weight[slice(*rows) if rows else slice(None)]


@torch.no_grad()
def _probed(delta: ColumnLengths, weight: Tensor) -> Tensor:
    """ΔW of a delta whose `unscaled` does not use the base: its answer to unit inputs."""
    from ..adapters.layer import bare_layer

    layer = bare_layer(weight)
    unit = torch.eye(weight[0].numel(), device=weight.device).reshape(-1, *weight.shape[1:])
    ones = torch.ones(len(unit), *[1] * (unit.ndim - 1), device=weight.device)
    answer = delta.unscaled(unit, layer.forward(unit), layer, ones, delta.tensors.at(unit))
    return answer.flatten(1).T.reshape(weight.shape)


class ParameterDelta:
    """A change of a bias, or of a norm's parameter: the layer's output is linear in it, so it is run twice."""

    def __init__(self, place: Place, value: Tensor, sets: bool):
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
        self.rows: tuple[int, int] | None = None
        self.name, self.sets, self.values = name, sets, Travelling([value])

    def delta(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor) -> Tensor:
        (value,) = self.values.at(x)
        if self.name == "bias" and not self.sets:
            return along_channels(value, y, layer) * scale
        own = layer._parameters[self.name]
        assert own is not None
        changed = value if self.sets else own.to(value) + value
        layer._parameters[self.name] = nn.Parameter(changed.to(own), requires_grad=False)
        try:
            other = layer.forward(x)
        finally:
            layer._parameters[self.name] = own
        return (other - y) * ((scale != 0).to(y) if self.sets else scale)


class Widened:
    """A delta on some rows as one on all of them, 0 elsewhere."""

    def __init__(self, delta: Delta):
        self.narrow = delta
        self.rows: tuple[int, int] | None = None

    def delta(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor) -> Tensor:
        assert self.narrow.rows is not None
        start, stop = self.narrow.rows
        dim = 1 if is_conv(layer) else y.ndim - 1
        part = y.narrow(dim, start, stop - start)
        whole = torch.zeros_like(y)
        whole.narrow(dim, start, stop - start).copy_(self.narrow.delta(x, part, layer, scale))
        return whole


def without_overlap(deltas: list[Delta]) -> list[Delta]:
    """The deltas of a layer, widened to all rows where their rows overlap: those attached must not."""
    at = sorted(delta.rows for delta in deltas if delta.rows is not None)
    if all(first[1] <= second[0] for first, second in zip(at, at[1:], strict=False)):
        return deltas
    return [delta if delta.rows is None else Widened(delta) for delta in deltas]
