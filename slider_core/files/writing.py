"""The parts of a slider under the keys of a format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from typing import Any

from torch import Tensor

from .errors import SliderFileError
from .forms import as_difference, for_comfyui, to_lycoris
from .fused import BIAS, DORA, UP, Rows, can_merge, merged, padded, with_lengths
from .lengths import base_lengths
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


def _whole(parts: list[Part], key: str, places: Places, model: Any) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """The tensors of a layer under its own name, or under ComfyUI's names of its parts, or as a difference."""
    if len(parts) == 1 and parts[0].place.rows is None:
        yield key, parts[0].tensors
        return
    at = [(part.place.rows or (0, part.place.layer_rows), part.tensors) for part in parts]
    if can_merge([part.tensors for part in parts]) and _has_rows_of_its_own(at):
        place = replace(parts[0].place, rows=None)
        yield (
            key,
            with_lengths(merged(at, place.layer_rows, share=True), at, lambda: base_lengths(place, model)),
        )
    elif all(part.tensors.keys() <= {"diff", BIAS} for part in parts) or not all(map(places.in_comfyui, parts)):
        written = [(rows, as_difference(part, model)) for (rows, _), part in zip(at, parts, strict=True)]
        for name in ("diff", BIAS):
            if some := [(rows, tensors[name]) for rows, tensors in written if name in tensors]:
                yield key, {name: padded(some, parts[0].place.layer_rows)}
    else:
        yield from ((part_key(part.place) or key, part.tensors) for part in parts)


def _has_rows_of_its_own(at: list[tuple[Rows, dict[str, Tensor]]]) -> bool:
    """Whether lengths, if there are any, are of rows that no other part changes too."""
    lengths = [DORA in tensors for _, tensors in at]
    rows = sorted(rows for rows, _ in at)
    apart = all(one[1] <= other[0] for one, other in zip(rows, rows[1:], strict=False))
    by_rows = all(len(tensors[DORA]) == stop - start for (start, stop), tensors in at if DORA in tensors)
    return not any(lengths) or (apart and by_rows)


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
