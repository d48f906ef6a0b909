"""Facts about a layer, whatever class ComfyUI or a pack gave it: its size, its weight, its output.

A weight has the shape [rows, columns, *kernel]; each of its rows writes one channel of the output.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PLAIN = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


class LayerError(ValueError):
    """A layer is not there, or is not as it has to be."""


@dataclass(frozen=True)
class Shape:
    """The shape of the weight rows that an adapter changes: [rows, columns, *kernel].

    Attributes:
        layer_rows: of the whole layer, of which `rows` may be a part.
    """

    rows: int
    columns: int
    kernel: tuple[int, ...]
    layer_rows: int

    @property
    def full(self) -> tuple[int, ...]:
        return (self.rows, self.columns, *self.kernel)

    @property
    def patch(self) -> int:
        """Inputs of one output number: columns times the size of the kernel."""
        return self.columns * math.prod(self.kernel)

    @property
    def parameters(self) -> int:
        return self.rows * self.patch

    @property
    def ones(self) -> tuple[int, ...]:
        """The kernel of a 1×1 convolution of as many dimensions; empty for a linear layer."""
        return (1,) * len(self.kernel)

    @property
    def pointwise(self) -> bool:
        return math.prod(self.kernel) == 1


def root_of(model: Any) -> Any:
    """The object that layer names start from: the model of a ModelPatcher, else `model` itself."""
    return model.model if hasattr(model, "patches") and hasattr(model, "model") else model


def layer_at(model: Any, name: str) -> nn.Module:
    """The layer of a name.

    Raises:
        LayerError: if the model has no such layer.
    """
    try:
        return reduce(getattr, name.split("."), root_of(model))
    except AttributeError:
        raise LayerError(
            f"the model has no layer {name!r}. Select the targets on the model that is trained."
        ) from None


def is_conv(layer: nn.Module) -> bool:
    return hasattr(layer, "kernel_size")


def channel_dim(layer: nn.Module) -> int:
    """The dimension of the layer's output that the rows of its weight write to: 1 for convolutions, else the last."""
    return 1 if is_conv(layer) else -1


def size_of(layer: Any) -> tuple[int, int, tuple[int, ...]] | None:
    """Rows, columns and kernel of the weight of a linear layer or convolution; None for other modules.

    Taken from the layer's attributes: a quantised weight may have another shape than the matrix it stands for.
    """
    if is_conv(layer) and hasattr(layer, "out_channels"):
        transposed = getattr(layer, "transposed", False)
        kernel = tuple(layer.kernel_size)
        return None if transposed else (layer.out_channels, layer.in_channels // layer.groups, kernel)
    if isinstance(getattr(layer, "in_features", None), int) and hasattr(layer, "out_features"):
        return layer.out_features, layer.in_features, ()
    return None


def shape_of(layer: nn.Module, rows: tuple[int, int] | None) -> Shape:
    """The shape of these rows of the layer's weight.

    Raises:
        LayerError: if the layer is neither linear nor a convolution, or has fewer rows.
    """
    size = size_of(layer)
    if size is None:
        raise LayerError(f"is a {type(layer).__name__}; adapters go on linear layers and convolutions.")
    height, columns, kernel = size
    start, stop = rows or (0, height)
    if not 0 <= start < stop <= height:
        raise LayerError(f"has {height} rows, and not those from {start} to {stop}.")
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
    return y.narrow(channel_dim(layer), rows[0], rows[1] - rows[0])


def base_weight(layer: Any, like: Tensor) -> tuple[Tensor, Tensor | None]:
    """Weight and bias of the layer as it would use them on `like`: cast, dequantised, fetched from offloading.

    Raises:
        LayerError: if the weight is stored in a form that only the layer itself can read.
    """
    if hasattr(layer, "cast_bias_weight"):  # ComfyUI-GGUF
        return layer.cast_bias_weight(like)
    if hasattr(layer, "comfy_cast_weights"):
        from comfy.ops import cast_bias_weight

        weight, bias = cast_bias_weight(layer, like)
    else:
        weight, bias = layer.weight, layer.bias
    if weight.dtype not in PLAIN:
        raise LayerError(
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


def through_base(x: Tensor, layer: nn.Module, rows: tuple[int, int] | None) -> Tensor:
    """W · x at these rows: the layer's own forward less its bias, without the hooks that add adapters."""
    return without_bias(at_rows(layer.forward(x), layer, rows), layer, rows)


def magnitudes(weight: Tensor) -> Tensor:
    """The magnitude of each row of a weight, in DoRA's sense: its length, [rows]."""
    return weight.flatten(1).float().norm(dim=1)


def weight_rows(layer: Any, rows: tuple[int, int] | None) -> Tensor:
    """The base weight at these rows in float32, where the layer keeps it."""
    like = torch.empty(0, device=layer.weight.device, dtype=torch.float32)
    weight = base_weight(layer, like)[0]
    return weight[slice(*rows) if rows else slice(None)]


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
