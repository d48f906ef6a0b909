"""What ComfyUI's LoRA loader read for one place, made a delta."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from comfy.weight_adapter import BOFTAdapter, GLoRAAdapter, LoHaAdapter, LoKrAdapter, LoRAAdapter, OFTAdapter
from torch import Tensor, nn

from ..adapters import loha, lokr, lora
from ..adapters.oft import turned, turned_by_butterfly
from ..layers import apply_pointwise, apply_weight, is_conv, through_base, without_bias
from .changes import LayerDelta, ParameterDelta, ParameterSlice, Tensors, Unusable, WeightChange
from .magnitudes import scaled_to


def delta_of(patch: Any, place: ParameterSlice) -> WeightChange:
    """The delta for what `comfy.lora.load_lora` read for one place.

    Raises:
        Unusable: if the change has another shape than the layer, or cannot be made on its output.
    """
    delta = _delta_of(patch, place)
    delta.patch = patch
    return delta


def _delta_of(patch: Any, place: ParameterSlice) -> WeightChange:
    if isinstance(patch, tuple):
        kind, (value, *_) = patch
        is_matrix = hasattr(place.module, "in_features") or is_conv(place.module)
        if kind == "diff" and place.parameter == "weight" and is_matrix:
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


def _difference(value: Tensor, place: ParameterSlice) -> WeightChange:
    if tuple(value.shape) != place.shape.full:
        raise Unusable(f"a difference of shape {tuple(value.shape)} for a weight of {place.shape.full}")

    def add(x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor, tensors: Tensors) -> Tensor:
        return apply_weight(layer, x, tensors[0]) * scale

    return LayerDelta(place, [value], add)


def _lora(weights: Sequence[Any], place: ParameterSlice) -> WeightChange:
    up, down, alpha, mid, magnitudes, reshape = weights
    if reshape is not None:
        raise Unusable("it makes the layer larger, as control LoRAs do: load it with ComfyUI's own loader")
    if mid is not None:
        down = torch.einsum("m n ..., n j -> m j ...", mid, down.flatten(1))
    shape, rank = place.shape, len(down)
    up = up.reshape(shape.rows, rank, *shape.ones)
    down = down.reshape(rank, shape.columns, *shape.kernel)
    ratio = 1.0 if alpha is None else alpha / rank

    def add(x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor, tensors: Tensors) -> Tensor:
        return lora.addition(x, layer, tensors[0], tensors[1], scale * ratio)

    delta = scaled_to(magnitudes, place, [up, down], add)
    delta.ratio = float(ratio) if magnitudes is None else None
    return delta


def _loha(weights: Sequence[Any], place: ParameterSlice) -> WeightChange:
    w1a, w1b, alpha, w2a, w2b, t1, t2, magnitudes = weights
    shape, ratio = place.shape, 1.0 if alpha is None else alpha / len(w1b)
    if t1 is not None:
        (w1a, w1b), (w2a, w2b) = loha.without_tucker(w1a, w1b, t1), loha.without_tucker(w2a, w2b, t2)
    wide, thin = (shape.rows, -1), (-1, shape.patch)
    factors = [w1a.reshape(wide), w1b.reshape(thin), w2a.reshape(wide), w2b.reshape(thin)]

    def add(x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor, tensors: Tensors) -> Tensor:
        return loha.addition(x, layer, tuple(tensors), scale * ratio, shape)

    return scaled_to(magnitudes, place, factors, add)


def _lokr(weights: Sequence[Any], place: ParameterSlice) -> WeightChange:
    w1, w2, alpha, w1_a, w1_b, w2_a, w2_b, t2, magnitudes = weights
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

    def add(x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor, tensors: Tensors) -> Tensor:
        return lokr.addition(x, layer, tensors[0], tuple(tensors[1:]), scale * ratio)

    return scaled_to(magnitudes, place, [w1, *second], add)


def _glora(weights: Sequence[Any], place: ParameterSlice) -> WeightChange:
    a1, a2, b1, b2, alpha, magnitudes = weights
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

    def add(x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor, tensors: Tensors) -> Tensor:
        a1, a2, b1, b2 = tensors
        on_input = apply_pointwise(apply_pointwise(x * (scale * ratio), a2), a1)
        return through_base(on_input, layer, place.rows) + lora.addition(x, layer, b1, b2, scale * ratio)

    return scaled_to(magnitudes, place, factors, add)


def _rotation(turn: Callable[..., Tensor]) -> Callable[[Sequence[Any], ParameterSlice], WeightChange]:
    def read(weights: Sequence[Any], place: ParameterSlice) -> WeightChange:
        blocks, _, alpha, _ = weights  # ComfyUI reads `rescale` and does not use it
        if blocks.shape[-3] * blocks.shape[-1] != place.shape.rows:
            raise Unusable("rotations of another size than the weight")

        def add(x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor, tensors: Tensors) -> Tensor:
            plain = without_bias(y, layer, place.rows)
            if is_conv(layer):
                return turn(plain.movedim(1, -1), tensors[0], alpha or 0.0).movedim(-1, 1) * scale
            return turn(plain, tensors[0], alpha or 0.0) * scale

        return LayerDelta(place, [blocks], add)

    return read


READERS: dict[type, Callable[[Sequence[Any], ParameterSlice], WeightChange]] = {
    LoRAAdapter: _lora,
    LoHaAdapter: _loha,
    LoKrAdapter: _lokr,
    GLoRAAdapter: _glora,
    OFTAdapter: _rotation(turned),
    BOFTAdapter: _rotation(turned_by_butterfly),
}
