"""What an adapter needs to know of the layer that it is added to, whatever class ComfyUI or a pack gave it."""

from __future__ import annotations

from functools import reduce
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from ..architectures.target import Target
from .base import AdapterError, Shape


def root_of(model: Any) -> Any:
    """The object that layer names start from: the model of a ModelPatcher, else `model` itself."""
    return model.model if hasattr(model, "patches") and hasattr(model, "model") else model


def layer_of(model: Any, target: Target) -> nn.Module:
    """The layer of a target.

    Raises:
        AdapterError: if the model has no such layer.
    """
    try:
        return reduce(getattr, target.layer.split("."), root_of(model))
    except AttributeError:
        raise AdapterError(
            f"the model has no layer {target.layer!r}. Select the targets on the model that is trained."
        ) from None


def is_conv(layer: nn.Module) -> bool:
    return hasattr(layer, "kernel_size")


def shape_of(layer: Any, target: Target) -> Shape:
    """The shape of the target's rows, from the layer's own attributes: a quantised weight may lie about it.

    Raises:
        AdapterError: if the layer is neither linear nor a convolution, or has fewer rows than the target.
    """
    if is_conv(layer) and not getattr(layer, "transposed", False):
        rows, columns = layer.out_channels, layer.in_channels // layer.groups
        kernel = tuple(layer.kernel_size)
    elif hasattr(layer, "in_features") and hasattr(layer, "out_features"):
        rows, columns, kernel = layer.out_features, layer.in_features, ()
    else:
        raise AdapterError(
            f"{target.layer!r} is a {type(layer).__name__}; adapters go on linear layers and convolutions."
        )
    start, stop = target.rows or (0, rows)
    if not 0 <= start < stop <= rows:
        raise AdapterError(f"{target.layer!r} has {rows} rows; the target asks for rows {start} to {stop}.")
    return Shape(stop - start, columns, kernel, rows)


def apply_weight(layer: Any, x: Tensor, weight: Tensor) -> Tensor:
    """`x` through `weight` in the place of the layer's own, without bias: same stride, padding and groups."""
    if not is_conv(layer):
        return F.linear(x, weight)
    return layer._conv_forward(x, weight, None)


def apply_pointwise(x: Tensor, weight: Tensor) -> Tensor:
    """`x` through a matrix [out, in] (for convolutions with ones behind), at each position."""
    if weight.ndim == 2:
        return F.linear(x, weight)
    return (F.conv1d, F.conv2d, F.conv3d)[weight.ndim - 3](x, weight)
