"""A LoRA file in any key format, taken apart into what it has at each place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from ..adapters import AdapterError
from .errors import NeedsModelError, SliderFileError
from .fused import ALPHA, DORA, DOWN, MID, UP, pairs_of
from .layout import Place
from .lengths import base_lengths
from .peft import from_peft
from .places import WHOLE_IN_DIFFUSERS, Part, Places

TEXT_ENCODER = ("lora_te", "text_encoder", "te1.", "te2.", "lora_prior_te", "cond_stage_model", "hydit_clip")
# Suffixes with what divides them from the layer's name, and LyCORIS's name for the same tensor.
OTHER_NAMES = {
    ".lora_A.weight": DOWN,
    ".lora_B.weight": UP,
    ".lora_B.bias": "diff_b",
    ".lora_A.default.weight": DOWN,
    ".lora_B.default.weight": UP,
    ".lora.down.weight": DOWN,
    ".lora.up.weight": UP,
    "_lora.down.weight": DOWN,
    "_lora.up.weight": UP,
    ".lora_linear_layer.down.weight": DOWN,
    ".lora_linear_layer.up.weight": UP,
    ".lora_A": DOWN,
    ".lora_B": UP,
    ".lora_magnitude_vector": "magnitude",
    ".lora_magnitude_vector.weight": "magnitude",
    ".lora_magnitude_vector.default.weight": "magnitude",
}
LYCORIS = (
    "hada_w1_a hada_w1_b hada_w2_a hada_w2_b hada_t1 hada_t2 lokr_w1 lokr_w1_a lokr_w1_b lokr_w2 lokr_w2_a lokr_w2_b "
    "lokr_t2 oft_blocks rescale a1.weight a2.weight b1.weight b2.weight weight on_input"
).split()
OWN = (UP, DOWN, MID, ALPHA, DORA, "diff", "diff_b", "reshape_weight", "set_weight", *LYCORIS)
SUFFIXES = {**{f".{name}": name for name in OWN}, **OTHER_NAMES}
LONGEST_FIRST = sorted(SUFFIXES, key=len, reverse=True)
NO_LAYER = "no such layer is known"
PADDED = {UP, DOWN, ALPHA, DORA, "diff", "diff_b"}
# Tensors whose first dimension is the rows of the weight, and those that do not know of them.
ROWS = {
    UP,
    "lora_B.weight",
    "lora_magnitude_vector",
    "magnitude",
    DORA,
    "diff",
    "diff_b",
    "hada_w1_a",
    "hada_w2_a",
}
WITHOUT_ROWS = {DOWN, "lora_A.weight", ALPHA, "hada_w1_b", "hada_w2_b"}


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


def for_text_encoder(keys: Iterable[str]) -> list[str]:
    """Those of a LoRA's keys that are for a text encoder, which no slider touches."""
    return [key for key in keys if key.startswith(TEXT_ENCODER)]


def taken_apart(key: str) -> tuple[str, str]:
    """The layer's part of a key, and the suffix that says which tensor it is; "" where none is known."""
    suffix = next((suffix for suffix in LONGEST_FIRST if key.endswith(suffix)), "")
    return key[: len(key) - len(suffix)], suffix


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
        except (SliderFileError, AdapterError, RuntimeError, KeyError, IndexError) as reason:
            found.unknown |= dict.fromkeys(keys.values(), str(reason))
    return found


def _part(place: Place, named: dict[str, Tensor], is_peft: bool, places: Places, model: Any) -> Part:
    """The tensors of one layer, checked against its rows and under their LyCORIS names."""
    if ("weight" in named) != ("on_input" in named):
        raise SliderFileError("of no known kind of adapter")
    rows, swap, place = height(named), place.swapped, replace(place, swapped=False)
    if (place.name or "").endswith(WHOLE_IN_DIFFUSERS) and rows == place.layer_rows:
        trained = [one for one in places.trained if one.layer == place.layer]
        place = replace(trained[0] if trained else place, rows=None)
    start, stop = place.rows or (0, place.layer_rows)
    if rows not in (None, stop - start):
        raise SliderFileError(f"for {rows} rows, and the layer has {stop - start}")
    if place.columns and _columns(named) not in (None, place.columns):
        raise SliderFileError(f"for {_columns(named)} columns, and the layer has {place.columns}")
    if swap:
        named = swapped(named)
    if is_peft:
        named = from_peft(named, place, model)
    elif (pairs := pairs_of(named)) and ALPHA not in named:
        named[ALPHA] = torch.tensor(float(len(named[pairs[0][1]])))
    return Part(place, named)


def height(named: Mapping[str, Tensor]) -> int | None:
    """How many rows of a weight the tensors change; None where they do not say it."""
    if UP in named:
        return len(named[UP])
    if "hada_w1_a" in named:
        return named["hada_w1_a"].shape[1 if "hada_t1" in named else 0]
    if first := [named[name] for name in ("lokr_w1", "lokr_w1_a") if name in named]:
        second = named["lokr_w2"] if "lokr_w2" in named else named["lokr_w2_a"]
        return len(first[0]) * second.shape[1 if "lokr_t2" in named else 0]
    if "oft_blocks" in named:
        return named["oft_blocks"].shape[-3] * named["oft_blocks"].shape[-1]
    if "weight" in named and not named["on_input"]:
        return named["weight"].numel()
    return len(named["diff"]) if "diff" in named else None


def _columns(named: Mapping[str, Tensor]) -> int | None:
    """How many columns of a flattened weight the tensors change; None where they do not say it."""
    if DOWN in named and MID not in named:
        return named[DOWN][0].numel()
    if "hada_w1_b" in named and "hada_t1" not in named:
        return named["hada_w1_b"].shape[1]
    return named["diff"][0].numel() if "diff" in named else None


def swapped(named: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """With the halves of the rows in each other's place; the same for both ways."""
    if unsaid := named.keys() - ROWS - WITHOUT_ROWS:
        raise SliderFileError(f"diffusers has the rows in another order, which {min(unsaid)} cannot be put in")
    return {
        name: tensor.roll(len(tensor) // 2, 0) if name in ROWS and len(tensor) > 1 else tensor
        for name, tensor in named.items()
    }


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
        kept = base_lengths(part.place, model).reshape(wide[DORA].shape)
        kept[start:stop] = wide[DORA][start:stop]
        if not torch.allclose(kept, wide[DORA].float(), rtol=1e-2):
            return part
    return Part(at[0], {**part.tensors, **{name: tensor[start:stop] for name, tensor in wide.items()}})
