"""Finds the place that a key of a LoRA file means, in any of the key formats."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from .layout import Place, read_layout


@dataclass(frozen=True)
class Part:
    """The tensors at one place, under LyCORIS's suffixes."""

    place: Place
    tensors: dict[str, Tensor]


UNET = re.compile(r"diffusion_model\.(input_blocks|middle_block|output_blocks|time_embed|label_emb|out)\.")
# A single layer in diffusers, of which ComfyUI's target is a part.
WHOLE_IN_DIFFUSERS = "to_qkv_mlp_proj"


def diffusers_key(place: Place) -> str | None:
    """The layer's name in a diffusers file: `unet.…` or `transformer.…`."""
    if place.name is None:
        return None
    return f"{'unet' if UNET.match(place.layer) else 'transformer'}.{place.name}"


def part_key(place: Place) -> str | None:
    """ComfyUI's name for a part of a fused weight."""
    if place.name and place.name.endswith(WHOLE_IN_DIFFUSERS):
        return f"{place.layer}_qkv"
    return diffusers_key(place)


def lycoris_key(place: Place) -> str | None:
    """The layer's name in a file that lycoris-lora reads with a diffusers model."""
    return place.name and f"lycoris_{place.name.replace('.', '_')}"


def kohya_key(layer: str) -> str:
    """The layer's name in a kohya file, after the native one, which ComfyUI takes for every model."""
    return f"lora_unet_{layer.removeprefix('diffusion_model.').replace('.', '_')}"


class Places:
    """The places of a slider's metadata and, where a model is given, of all its layers.

    Args:
        model: ModelPatcher, BaseModel or ControlNet, or None.
    """

    def __init__(self, metadata: Mapping[str, str], model: Any = None):
        self.trained = read_layout(metadata)
        described = _described(model) if model is not None else []
        self.all = [*self.trained, *described]
        self.by_key: dict[str, Place] = {}
        for place in reversed(self.all):
            for key in (diffusers_key(place), lycoris_key(place), part_key(place)):
                if key:
                    self.by_key[key] = place
        for layer, layer_rows in {place.layer: place.layer_rows for place in self.all}.items():
            known = [place for place in self.parts_of(layer) if place.rows is None]
            whole = known[0] if known else Place(layer, layer_rows)
            self.by_key |= {layer: whole, kohya_key(layer): whole}
        if model is not None:
            self._learn_comfyui_names(model)

    def parts_of(self, layer: str) -> list[Place]:
        """The places on a layer, in the order of rows: those trained, else all that the model has."""
        trained = [place for place in self.trained if place.layer == layer]
        found = trained or [place for place in self.all if place.layer == layer]
        return sorted(found, key=lambda place: place.rows or (0, 0))

    def _learn_comfyui_names(self, model: Any) -> None:
        from ..adapters.layer import root_of
        from ..comfy_bridge.lora import key_map

        rows = {place.layer: place.layer_rows for place in self.all}
        by_rows = {(place.layer, place.rows): place for place in self.all}
        for key, to in key_map(root_of(model)).items():
            weight, offset = (to, None) if isinstance(to, str) else to[:2]
            layer = weight.removesuffix(".weight")
            if layer in rows and (isinstance(to, str) or len(to) == 2):
                at = None if offset is None else (offset[1], offset[1] + offset[2])
                self.by_key.setdefault(key, by_rows.get((layer, at), Place(layer, rows[layer], at)))


def _described(model: Any) -> Iterable[Place]:
    from ..architectures.network import network_of, sizes
    from ..architectures.offer import offered
    from ..architectures.registry import family_of

    network = network_of(model)
    heights = {layer: (sizes(module) or (0,))[0] for layer, module in network.layers.items()}
    parts = [
        Place(entry.target.layer, heights[entry.layer], entry.target.rows, entry.target.name)
        for entry in offered(network, family_of(network))
    ]
    seen = {part.layer for part in parts}
    whole = {f"{network.prefix}.{layer}": rows for layer, rows in heights.items()}
    return [*parts, *(Place(layer, rows) for layer, rows in whole.items() if layer not in seen)]
