"""What an adapter needs of the layer that it is added to, whatever class ComfyUI or a pack gave the layer."""

from __future__ import annotations

from functools import reduce
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..architectures.target import Target
from .base import Adapter, AdapterError, Shape

PLAIN = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


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


def shape_of(layer: nn.Module, target: Target) -> Shape:
    """The shape of the target's rows.

    Raises:
        AdapterError: if the layer is neither linear nor a convolution, or has fewer rows than the target.
    """
    try:
        return shape_at(layer, target.rows)
    except AdapterError as error:
        raise AdapterError(f"{target.layer!r} {error}") from None


def shape_at(layer: Any, rows: tuple[int, int] | None) -> Shape:
    """As `shape_of`, from the layer's own attributes: a quantised weight may lie about its shape."""
    if is_conv(layer) and not getattr(layer, "transposed", False):
        height, columns = layer.out_channels, layer.in_channels // layer.groups
        kernel = tuple(layer.kernel_size)
    elif hasattr(layer, "in_features") and hasattr(layer, "out_features"):
        height, columns, kernel = layer.out_features, layer.in_features, ()
    else:
        raise AdapterError(f"is a {type(layer).__name__}; adapters go on linear layers and convolutions.")
    start, stop = rows or (0, height)
    if not 0 <= start < stop <= height:
        raise AdapterError(f"has {height} rows, and not those from {start} to {stop}.")
    return Shape(stop - start, columns, kernel, height)


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


def along_channels(vector: Tensor, y: Tensor, layer: nn.Module) -> Tensor:
    """`vector` [channels] shaped to broadcast over `y`, on its device and in its type."""
    vector = vector.to(y.device, y.dtype)
    return vector.reshape(-1, *[1] * (y.ndim - 2)) if is_conv(layer) else vector


def at_rows(y: Tensor, layer: nn.Module, rows: tuple[int, int] | None) -> Tensor:
    """The part of the layer's output `y` that these rows of its weight write."""
    if rows is None:
        return y
    return y.narrow(1 if is_conv(layer) else y.ndim - 1, rows[0], rows[1] - rows[0])


def base_weight(layer: Any, like: Tensor) -> tuple[Tensor, Tensor | None]:
    """Weight and bias of the layer as it would use them on `like`: cast, dequantised, fetched from offloading.

    Raises:
        AdapterError: if the weight is stored in a form that only the layer itself can read.
    """
    if hasattr(layer, "cast_bias_weight"):  # ComfyUI-GGUF
        return layer.cast_bias_weight(like)
    if hasattr(layer, "comfy_cast_weights"):
        from comfy.ops import cast_bias_weight

        weight, bias = cast_bias_weight(layer, like)
    else:
        weight, bias = layer.weight, layer.bias
    if weight.dtype not in PLAIN:
        raise AdapterError(
            f"the weight of a {type(layer).__name__} is stored as {weight.dtype}, and this kind of adapter has to "
            f"read it. lora, locon, loha and lokr (without dora), dylora and full work on such layers."
        )
    weight = weight.dequantize() if hasattr(weight, "dequantize") and type(weight) is not Tensor else weight
    return weight.to(like), None if bias is None else bias.to(like)


def bias_of(layer: Any, like: Tensor) -> Tensor | None:
    """The layer's bias on the device and in the type of `like`."""
    bias = layer.bias
    if bias is None:
        return None
    is_plain = type(bias) in (Tensor, nn.Parameter) and bias.dtype in PLAIN
    if is_plain and not hasattr(layer, "_v") and not getattr(layer, "bias_function", None):
        return bias.to(like)
    return base_weight(layer, like)[1]


def without_bias(y: Tensor, layer: nn.Module, rows: tuple[int, int] | None) -> Tensor:
    """`y`, the layer's output at these rows, less the bias: linear in the weight."""
    bias = bias_of(layer, y)
    if bias is None:
        return y
    return y - along_channels(bias[slice(*rows) if rows else slice(None)], y, layer)


def row_norms(weight: Tensor) -> Tensor:
    """The length of each row of a weight, [rows]."""
    return weight.flatten(1).float().norm(dim=1)


def weight_rows(layer: Any, rows: tuple[int, int] | None) -> Tensor:
    """The base weight at these rows in float32, where the layer keeps it."""
    like = torch.empty(0, device=layer.weight.device, dtype=torch.float32)
    weight = base_weight(layer, like)[0]
    return weight[slice(*rows) if rows else slice(None)]


@torch.no_grad()
def difference(adapter: Adapter, chunk: int = 1024) -> Tensor:
    """The change of the weight at strength 1, [rows, columns, *kernel]: the adapter's answer to unit inputs.

    The layer's own answer to the unit inputs is its weight.
    """
    weight = weight_rows(adapter.layer, None)
    stand_in, training, ones = bare_layer(weight), adapter.training, adapter.shape.ones
    adapter.eval()
    answers = []
    for start in range(0, weight[0].numel(), chunk):
        y = weight.flatten(1)[:, start : start + chunk].T
        x = torch.eye(len(y), weight[0].numel(), device=weight.device).roll(start, 1)
        x, y = x.reshape(len(y), *weight.shape[1:]), y.reshape(len(y), len(weight), *ones)
        y = at_rows(y, stand_in, adapter.rows)
        scale = torch.ones(len(x), *[1] * (x.ndim - 1), device=x.device)
        still = adapter.addition(x[:1] * 0, y[:1] * 0, stand_in, scale[:1])
        answers.append((adapter.addition(x, y, stand_in, scale) - still).flatten(1))
    adapter.train(training)
    return torch.cat(answers).T.reshape(adapter.shape.full).contiguous()


def bare_layer(weight: Tensor) -> nn.Module:
    """A layer of this weight without bias, stride or padding."""
    rows, columns, *kernel = weight.shape
    if kernel:
        conv: Any = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[len(kernel) - 1]
        layer: nn.Module = conv(columns, rows, tuple(kernel), bias=False, device="meta")
    else:
        layer = nn.Linear(columns, rows, bias=False, device="meta")
    layer.weight = nn.Parameter(weight, requires_grad=False)
    return layer
