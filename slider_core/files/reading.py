"""A LoRA file in any key format, taken apart into what it has at each place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from ..architectures.quirks import part_of
from ..layers import LayerError
from .errors import NeedsModelError, SliderFileError
from .fused import ALPHA, DORA, DOWN, UP, pairs_of
from .keys import SUFFIXES, for_text_encoder, taken_apart
from .layout import Place
from .magnitudes import base_magnitudes
from .peft import from_peft
from .places import Part, Places
from .rows import check, height, swapped

NO_LAYER = "no such layer is known"
PADDED = {UP, DOWN, ALPHA, DORA, "diff", "diff_b"}


@dataclass
class Read:
    """A file taken apart.

    Attributes:
        unknown: keys that are for no layer of the model, or do not fit the layer, each with the reason.
        text: keys that are for a text encoder, which no slider touches.
    """

    parts: list[Part] = field(default_factory=list)
    unknown: dict[str, str] = field(default_factory=dict)
    text: list[str] = field(default_factory=list)


def read(slider: Mapping[str, Tensor], places: Places, model: Any) -> Read:
    """The tensors of each layer of a file, at their place, under LyCORIS's suffixes."""
    found = Read(text=for_text_encoder(slider))
    modules: dict[str, dict[str, str]] = {}
    for key in slider.keys() - set(found.text):
        prefix, suffix = taken_apart(key)
        if suffix:
            modules.setdefault(prefix, {})[suffix] = key
        else:
            found.unknown[key] = "of no known kind of adapter"
    for prefix in sorted(modules):
        keys, place = modules[prefix], places.at(prefix)
        try:
            if place is None:
                raise SliderFileError(NO_LAYER)
            named = {SUFFIXES[suffix]: slider[key] for suffix, key in keys.items()}
            part = _part(place, named, any("lora_B" in suffix for suffix in keys), places, model)
            found.parts.append(_of_trained_rows(part, places, model) if prefix not in places.native else part)
        except NeedsModelError:
            raise
        except (SliderFileError, LayerError, RuntimeError, KeyError, IndexError, TypeError) as reason:
            found.unknown |= dict.fromkeys(keys.values(), str(reason))
    return found


def _part(place: Place, named: dict[str, Tensor], is_peft: bool, places: Places, model: Any) -> Part:
    """The tensors of one layer, checked against its rows and under their LyCORIS names."""
    if ("weight" in named) != ("on_input" in named):
        raise SliderFileError("of no known kind of adapter")
    rows, swap, place = height(named), place.swapped, replace(place, swapped=False)
    if part_of(place.name) and rows == place.layer_rows:
        trained = [one for one in places.trained if one.layer == place.layer]
        place = replace(trained[0] if trained else place, rows=None)
    check(named, place)
    if swap:
        named = swapped(named)
    if is_peft:
        named = from_peft(named, place, model)
    elif (pairs := pairs_of(named)) and ALPHA not in named:
        named[ALPHA] = torch.tensor(float(len(named[pairs[0][1]])))
    return Part(place, named)


def _of_trained_rows(part: Part, places: Places, model: Any) -> Part:
    """What was trained on some rows of a layer that is one in diffusers, and filled up, on those rows again."""
    at = [one for one in places.trained if one.layer == part.place.layer and one.rows]
    if part.place.rows or len(at) != 1 or part.place.name != at[0].name or not part.tensors.keys() <= PADDED:
        return part
    start, stop = at[0].rows or (0, 0)
    wide = {name: part.tensors[name] for name in (UP, "diff", "diff_b") if name in part.tensors}
    if any(bool(tensor[:start].any()) or bool(tensor[stop:].any()) for tensor in wide.values()):
        return part
    if DORA in part.tensors:
        wide[DORA] = part.tensors[DORA]
        kept = base_magnitudes(part.place, model).reshape(wide[DORA].shape)
        kept[start:stop] = wide[DORA][start:stop]
        if not torch.allclose(kept, wide[DORA].float(), rtol=1e-2):
            return part
    return Part(at[0], {**part.tensors, **{name: tensor[start:stop] for name, tensor in wide.items()}})
