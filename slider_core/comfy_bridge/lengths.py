"""Changes of a weight that set the lengths of its rows or columns as well: `dora_scale` in a LoRA file."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..adapters.glora import through_base
from ..adapters.layer import along_channels, bare_layer, base_weight
from ..adapters.layer import without_bias as base_output
from ..strength import Delta
from .patches import Add, LayerDelta, Place, Tensors

EPS = torch.finfo(torch.float32).eps  # ComfyUI adds it to every length


def scaled_to(lengths: Tensor | None, place: Place, tensors: Tensors, add: Add) -> Delta:
    """The change `add`, or with `lengths` (`dora_scale`) the one that scales rows or columns as well."""
    if lengths is None:
        return LayerDelta(place, tensors, add)
    kind = RowLengths if len(lengths) == place.shape.rows else ColumnLengths
    return kind(place, tensors, add, lengths.flatten().float())


class Lengths(LayerDelta):
    """`add`, and then lengths; the weight at strength s is W + s · (W' − W)."""

    def __init__(self, place: Place, tensors: Tensors, add: Add, lengths: Tensor):
        super().__init__(place, tensors, self.scaled)
        self.unscaled, self.lengths = add, lengths
        self.factor: Tensor | None = None

    def scaled(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor, tensors: Tensors) -> Tensor:
        raise NotImplementedError


class RowLengths(Lengths):
    """W' = (W + ΔW) · lengths / |W|, row by row: ComfyUI divides by the lengths of the base weight."""

    def scaled(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor, tensors: Tensors) -> Tensor:
        if self.factor is None:
            norms = _weight(layer, self.rows, x).flatten(1).norm(dim=1)
            self.factor = self.lengths.to(x.device) / (norms + EPS)
        plain = base_output(y, layer, self.rows)
        change = self.unscaled(x, y, layer, torch.ones_like(scale), tensors)
        grown = along_channels(self.factor - 1, plain, layer) * plain
        return (grown + along_channels(self.factor, plain, layer) * change) * scale


class ColumnLengths(Lengths):
    """W' = (W + ΔW) · lengths / |W + ΔW|, column by column."""

    def scaled(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor, tensors: Tensors) -> Tensor:
        if self.factor is None:
            weight = _weight(layer, self.rows, x)
            norms = (weight + _change(self, weight)).transpose(0, 1).flatten(1).norm(dim=1)
            self.factor = self.lengths.to(x.device) / (norms + EPS)
        stretched = x * along_channels(self.factor, x, layer)
        changed = self.unscaled(stretched, y, layer, torch.ones_like(scale), tensors)
        return (through_base(stretched, layer, self.rows) + changed - base_output(y, layer, self.rows)) * scale


@torch.no_grad()
def _weight(layer: nn.Module, rows: tuple[int, int] | None, like: Tensor) -> Tensor:
    weight = base_weight(layer, torch.empty(0, device=like.device))[0]
    return weight[slice(*rows) if rows else slice(None)]


@torch.no_grad()
def _change(delta: Lengths, weight: Tensor) -> Tensor:
    """ΔW, as the answer to unit inputs."""
    layer = bare_layer(weight)
    unit = torch.eye(weight[0].numel(), device=weight.device).reshape(-1, *weight.shape[1:])
    ones = torch.ones(len(unit), *[1] * (unit.ndim - 1), device=weight.device)
    tensors = [tensor.to(unit) for tensor in delta.tensors.tensors]
    return delta.unscaled(unit, layer.forward(unit), layer, ones, tensors).flatten(1).T.reshape(weight.shape)
