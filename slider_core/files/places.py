"""Finds the place that a key of a LoRA file means, in any of the key formats."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ..architectures.comfyui_names import key_map
from ..architectures.quirks import component_of, is_named_as_in_diffusers, part_of
from ..layers import root_of, size_of
from .layout import Place, read_layout


@dataclass(frozen=True)
class Part:
    """The tensors at one place, under LyCORIS's suffixes."""

    place: Place
    tensors: dict[str, Tensor]


# What programs put before a name of diffusers: joined with dots, and with underscores throughout.
DOTTED = ("transformer.", "unet.", "", "base_model.model.", "transformer.base_model.model.", "diffusion_model.")
JOINED = ("lycoris_", "lora_unet_", "lora_transformer_")


def diffusers_key(place: Place) -> str | None:
    """The layer's name in a diffusers file: `unet.…` or `transformer.…`."""
    if place.name is None:
        return None
    return f"{component_of(place.layer)}.{place.name}"


def part_key(place: Place) -> str | None:
    """ComfyUI's name for a part of a fused weight."""
    part = part_of(place.name)
    return f"{place.layer}{part}" if part else diffusers_key(place)


def lycoris_key(place: Place) -> str | None:
    """The layer's name in a file that lycoris-lora reads with a diffusers model."""
    return place.name and f"lycoris_{place.name.replace('.', '_')}"


def _joined(layer: str) -> str:
    return f"lora_unet_{layer.removeprefix('diffusion_model.').replace('.', '_')}"


class Places:
    """The places of a slider's metadata and, where a model is given, of all its layers.

    Args:
        model: ModelPatcher, BaseModel or ControlNet, or None.

    Attributes:
        native: places by native and kohya keys.
        foreign: places by the keys of diffusers and of other programs.
    """

    def __init__(self, metadata: Mapping[str, str], model: Any = None):
        self.trained = read_layout(metadata)
        self.all = [*self.trained, *(_described(model) if model is not None else [])]
        self.native: dict[str, Place] = {}
        self.foreign: dict[str, Place] = {}
        self.comfyui: Mapping[str, Any] | None = None
        by_layer: dict[str, list[Place]] = {}
        for place in self.all:
            by_layer.setdefault(place.layer, []).append(place)
        for layer, of_layer in by_layer.items():
            whole = _whole(of_layer)
            self.native |= {layer: whole, _joined(layer): whole}
        if model is not None:
            self._learn_comfyui_names(model)
        self.known = self._summed_up()
        for place in self.known.values():
            for key in _foreign_keys(place):
                self.foreign.setdefault(key, place)
        for layer, place in self.native.items():
            for before in DOTTED:
                key = f"{before}{layer.removeprefix('diffusion_model.')}"
                self.foreign.setdefault(key, replace(place, swapped=False))
        self.as_in_diffusers = any(is_named_as_in_diffusers(place.name or "") for place in self.all)

    def at(self, key: str) -> Place | None:
        """The place of a key; `swapped` only if the key's own tensors have the halves of their rows swapped."""
        if key in self.native:
            return replace(self.native[key], swapped=False)
        return self.foreign.get(key)

    def named(self, place: Place) -> Place:
        """A place with what is known of it elsewhere: its name in diffusers, and whether rows are swapped there."""
        return self.known.get((place.layer, place.rows), place)

    def kohya_key(self, place: Place) -> str:
        """The layer's name in a kohya file: the one in diffusers where sd-scripts has that, else the native one."""
        if self.as_in_diffusers and place.name and component_of(place.layer) != "transformer":
            return f"lora_unet_{place.name.replace('.', '_')}"
        return _joined(place.layer)

    def _summed_up(self) -> dict[tuple[str, Any], Place]:
        """What metadata and model say of each place together; for the training, metadata comes first."""
        known: dict[tuple[str, Any], Place] = {}
        for one in reversed(self.all):
            other = known.get((one.layer, one.rows), one)
            name, kernel, swapped = (
                one.name or other.name,
                one.kernel or other.kernel,
                one.swapped or other.swapped,
            )
            columns = one.columns or other.columns
            known[one.layer, one.rows] = replace(
                one, name=name, kernel=kernel, columns=columns, swapped=swapped
            )
        return known

    def in_comfyui(self, part: Part) -> bool:
        """Whether ComfyUI's loader has a name for the part of a fused weight, as far as is known, and takes it all."""
        key, (start, stop) = part_key(part.place), part.place.rows or (0, 0)
        if key is None or "diff_b" in part.tensors:
            return False
        at = (f"{part.place.layer}.weight", (0, start, stop - start))
        return self.comfyui is None or self.comfyui.get(key) == at

    def _learn_comfyui_names(self, model: Any) -> None:
        self.comfyui = names = key_map(root_of(model))
        in_diffusers = any(f"transformer.{place.name}" in names for place in self.all)
        known = {(place.layer, place.rows): place for place in reversed(self.all)}
        named = {place.layer for place in self.all if place.name or place.rows}
        for key, to in names.items():
            weight, offset, *reorder = (to, None) if isinstance(to, str) else to
            layer = weight.removesuffix(".weight")
            if layer not in self.native or key in self.native:
                continue
            rows = None if offset is None else (offset[1], offset[1] + offset[2])
            whole = self.native[layer]
            place = known.get((layer, rows), whole if rows is None else replace(whole, rows=rows, name=None))
            if reorder:
                place = replace(place, swapped=_swaps(reorder[0]))
            if rows is None and layer not in named and in_diffusers and key.startswith("transformer."):
                named.add(layer)
                place = known[layer, rows] = replace(place, name=key.removeprefix("transformer."))
                self.all.insert(0, place)
                self.native |= {layer: place, _joined(layer): place}
            self.foreign.setdefault(key, place)


def _whole(of_layer: Sequence[Place]) -> Place:
    """The whole layer of some places, with its name where diffusers has it as one."""
    one = of_layer[0]
    name = one.name if one.rows is None or part_of(one.name) else None
    whole = next((place for place in of_layer if place.rows is None), None)
    return whole or replace(one, rows=None, name=name, rank=0, alpha=0.0)


def _swaps(reorder: Any) -> bool:
    """Whether a reordering of rows, as ComfyUI's key map has it, swaps their halves."""
    return [int(row) for row in reorder(torch.arange(4))] == [2, 3, 0, 1]


def _foreign_keys(place: Place) -> Iterable[str]:
    if place.name:
        yield from (f"{before}{place.name}" for before in DOTTED)
        yield from (f"{before}{place.name.replace('.', '_')}" for before in JOINED)
        yield part_key(place) or place.name


def _described(model: Any) -> Iterable[Place]:
    from ..architectures.candidates import candidates, elsewhere
    from ..architectures.network import network_of
    from ..architectures.registry import family_of

    network = network_of(model)
    family = family_of(network)
    names = family.names(network.module) if family.names else {}
    described = [*candidates(network, family), *elsewhere(network, family)]
    for entry in described:
        target, size = entry.target, _size(network.layers[entry.layer])
        yield Place(target.layer, rows=target.rows, name=target.name, swapped=entry.swapped, **size)
    seen = {entry.layer for entry in described}
    for layer, module in network.layers.items():
        if layer not in seen:
            yield Place(f"{network.prefix}.{layer}", name=names.get(layer), **_size(module))


def _size(layer: Any) -> dict[str, Any]:
    rows, columns, kernel = size_of(layer) or (0, 0, ())
    return {"layer_rows": rows, "columns": columns * math.prod(kernel), "kernel": kernel}
