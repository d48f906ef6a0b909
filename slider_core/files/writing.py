"""The parts of a slider under the keys of a format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import Any

from torch import Tensor

from .errors import SliderFileError
from .forms import as_difference, for_comfyui, to_lycoris
from .fused import DORA, UP, Tensors
from .magnitudes import base_magnitudes
from .parts_of_one import OnRows, named_tensors
from .peft import peft_config, to_peft
from .places import Part, Places, diffusers_key, lycoris_key, part_key
from .rows import swapped


def by_layer(parts: list[Part], key_format: str, places: Places, model: Any) -> dict[str, Tensor]:
    """Native or kohya keys."""
    tensors: dict[str, Tensor] = {}
    ordered = sorted(parts, key=lambda part: (part.place.layer, part.place.rows or (0, 0)))
    for layer, group in groupby(ordered, key=lambda part: part.place.layer):
        of_layer = [Part(part.place, for_comfyui(part, model)) for part in group]
        whole = places.named(replace(of_layer[0].place, rows=None))
        key = layer if key_format == "native" else places.kohya_key(whole)
        for name, found in _whole(of_layer, key, places, model):
            tensors |= {f"{name}.{suffix}": tensor for suffix, tensor in found.items()}
    return tensors


def _whole(parts: list[Part], key: str, places: Places, model: Any) -> Iterator[tuple[str, Tensors]]:
    """The tensors of a layer, with the names that they go under."""
    place = parts[0].place
    if len(parts) == 1 and place.rows is None:
        yield key, parts[0].tensors
        return
    on_rows = [
        OnRows(
            part.place.rows or (0, part.place.layer_rows),
            part.tensors,
            (part_key(part.place) or key) if places.in_comfyui(part) else "",
            partial(as_difference, part, model),
        )
        for part in parts
    ]
    base = partial(base_magnitudes, replace(place, rows=None), model)
    yield from named_tensors(key, place.layer_rows, on_rows, base, share=True)


def for_diffusers(parts: list[Part], places: Places, model: Any) -> tuple[dict[str, Tensor], str]:
    """Keys of diffusers and PEFT, and the config that they read from the file's metadata."""
    tensors: dict[str, Tensor] = {}
    ranks: dict[str, int] = {}
    for part in parts:
        place = places.named(part.place)
        key = diffusers_key(place)
        if key is None:
            raise SliderFileError(
                f"diffusers has no layer for {place.layer!r}, as far as is known here. Save in native format."
            )
        part = Part(place, part.tensors)
        if UP in part.tensors:
            named = to_peft(part, model)
            ranks[key] = len(named["lora_A.weight"])
        else:
            key, named = lycoris_key(place) or key, to_lycoris(part)
        named = swapped(named) if place.swapped else named
        tensors |= {f"{key}.{suffix}": tensor.contiguous() for suffix, tensor in named.items()}
    return tensors, peft_config(ranks, any(DORA in part.tensors for part in parts)) if ranks else ""
