"""Changes of a weight that set the magnitudes of its rows or columns as well: `dora_scale` in a LoRA file."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..layers import along_channels, bare_layer, base_weight, magnitudes, through_base, without_bias
from .changes import Add, LayerDelta, ParameterSlice, Tensors

EPS = torch.finfo(torch.float32).eps  # ComfyUI adds it to every magnitude


def scaled_to(magnitudes: Tensor | None, place: ParameterSlice, tensors: Tensors, add: Add) -> LayerDelta:
    """The change `add`, or with `magnitudes` (`dora_scale`) the one that scales rows or columns as well."""
    if magnitudes is None:
        return LayerDelta(place, tensors, add)
    kind = RowMagnitudes if len(magnitudes) == place.shape.rows else ColumnMagnitudes
    return kind(place, tensors, add, magnitudes.flatten().float())


class Magnitudes(LayerDelta):
    """`add`, and then magnitudes; the weight at strength s is W + s · (W' − W)."""

    def __init__(self, place: ParameterSlice, tensors: Tensors, add: Add, magnitudes: Tensor):
        super().__init__(place, tensors, self.scaled)
        self.unscaled, self.magnitudes = add, magnitudes
        self._factor: Tensor | None = None

    def __getstate__(self) -> dict[str, Any]:
        """What a slider is does not change by being used (`training.digest` looks at this)."""
        return {**vars(self), "_factor": None}

    def free(self) -> None:
        super().free()
        self._factor = None

    def factor(self, layer: nn.Module, x: Tensor) -> Tensor:
        """The magnitudes, divided by those that the weight has; found at the first call, in float32."""
        if self._factor is None:
            with torch.inference_mode(False), torch.no_grad():
                weight = base_weight(layer, torch.empty(0, device=x.device))[0]
                had = self.magnitudes_of(weight[slice(*self.rows) if self.rows else slice(None)])
                self._factor = self.magnitudes.to(x.device) / (had + EPS)
        return self._factor

    def magnitudes_of(self, weight: Tensor) -> Tensor:
        raise NotImplementedError

    def scaled(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor, tensors: Tensors) -> Tensor:
        raise NotImplementedError


class RowMagnitudes(Magnitudes):
    """W' = (W + ΔW) · magnitudes / |W|, row by row: ComfyUI divides by the magnitudes of the base weight."""

    def magnitudes_of(self, weight: Tensor) -> Tensor:
        return magnitudes(weight)

    def scaled(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor, tensors: Tensors) -> Tensor:
        factor, plain = self.factor(layer, x), without_bias(y, layer, self.rows)
        change = self.unscaled(x, y, layer, torch.ones_like(scale), tensors)
        grown = along_channels(factor - 1, plain, layer) * plain
        return (grown + along_channels(factor, plain, layer) * change) * scale


class ColumnMagnitudes(Magnitudes):
    """W' = (W + ΔW) · magnitudes / |W + ΔW|, column by column."""

    def magnitudes_of(self, weight: Tensor) -> Tensor:
        layer = bare_layer(weight)
        unit = torch.eye(weight[0].numel(), device=weight.device).reshape(-1, *weight.shape[1:])
        ones = torch.ones(len(unit), *[1] * (unit.ndim - 1), device=weight.device)
        tensors = [tensor.to(unit) for tensor in self.tensors.tensors]
        change = self.unscaled(unit, layer.forward(unit), layer, ones, tensors).flatten(1).T
        return magnitudes((weight + change.reshape(weight.shape)).transpose(0, 1))

    def scaled(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor, tensors: Tensors) -> Tensor:
        stretched = x * along_channels(self.factor(layer, x), x, layer)
        changed = self.unscaled(stretched, y, layer, torch.ones_like(scale), tensors)
        return (through_base(stretched, layer, self.rows) + changed - without_bias(y, layer, self.rows)) * scale
