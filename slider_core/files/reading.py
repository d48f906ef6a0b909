"""A LoRA file in any key format, taken apart into what it has at each place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from .errors import SliderFileError
from .fused import ALPHA, DORA, DOWN, MID, UP, pairs_of, separated
from .peft import from_peft
from .places import Part, Places

OTHER_NAMES = {
    "lora_A.weight": DOWN,
    "lora_B.weight": UP,
    "lora.down.weight": DOWN,
    "lora.up.weight": UP,
    "lora_A.default.weight": DOWN,
    "lora_B.default.weight": UP,
    "lora_magnitude_vector": "magnitude",
    "lora_magnitude_vector.weight": "magnitude",
}
LYCORIS = (
    "hada_w1_a hada_w1_b hada_w2_a hada_w2_b hada_t1 hada_t2 lokr_w1 lokr_w1_a lokr_w1_b lokr_w2 lokr_w2_a lokr_w2_b "
    "lokr_t2 oft_blocks rescale a1.weight a2.weight b1.weight b2.weight"
).split()
SUFFIXES = (
    *OTHER_NAMES,
    UP,
    DOWN,
    MID,
    ALPHA,
    DORA,
    "diff",
    "diff_b",
    "reshape_weight",
    "set_weight",
    *LYCORIS,
)


def read(slider: Mapping[str, Tensor], places: Places, model: Any) -> Iterator[Part]:
    """The tensors of each module of a file, at their place, under LyCORIS's suffixes."""
    modules: dict[str, dict[str, Tensor]] = {}
    for key, tensor in slider.items():
        prefix, suffix = _taken_apart(key)
        modules.setdefault(prefix, {})[OTHER_NAMES.get(suffix, suffix)] = tensor
    for prefix, tensors in modules.items():
        place = places.by_key.get(prefix)
        if place is None:
            raise SliderFileError(
                f"it is not known to which layer {prefix!r} belongs. Connect the model that the slider was made for."
            )
        is_peft = any(key.startswith(f"{prefix}.lora_B") for key in slider)
        if is_peft:
            tensors = from_peft(tensors, place, model)
        elif (pairs := pairs_of(tensors)) and ALPHA not in tensors:
            tensors[ALPHA] = torch.tensor(float(len(tensors[pairs[0][1]])))
        yield Part(place, tensors)


def _taken_apart(key: str) -> tuple[str, str]:
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if key.endswith(f".{suffix}"):
            return key[: -len(suffix) - 1], suffix
    raise SliderFileError(f"the tensor {key!r} is of no known kind of adapter.")


def split(part: Part, places: Places) -> Iterator[Part]:
    """A part as one for each place that its layer is divided into."""
    at = [place for place in places.parts_of(part.place.layer) if place.rows]
    by_rows = pairs_of(part.tensors) or part.tensors.keys() <= {"diff", "diff_b"}
    if part.place.rows is not None or not at or not by_rows:
        yield part
        return
    tensors, ranks = part.tensors, [place.rank or 1 for place in at]
    pairs = pairs_of(tensors)
    if not pairs:
        for place in at:
            rows = slice(*(place.rows or (0, 0)))
            yield Part(place, {name: tensor[rows] for name, tensor in tensors.items()})
    elif sum(ranks) == len(tensors[pairs[0][1]]) and all(place in places.trained for place in at):
        parts = separated(
            tensors, [(place.rows, rank) for place, rank in zip(at, ranks, strict=True) if place.rows]
        )
        yield from (Part(place, found) for place, found in zip(at, parts, strict=True))
    else:
        wide = {name for name, _ in pairs} | {DORA}
        for place in at:
            rows = slice(*(place.rows or (0, 0)))
            yield Part(place, {name: t[rows] if name in wide else t for name, t in tensors.items()})
