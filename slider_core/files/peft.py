"""A LoRA under the names of diffusers and PEFT, and back.

PEFT's names have no alpha, so alpha / rank is multiplied into `lora_B`; where that would round, `lora_B` is float64.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..architectures.quirks import part_of
from .errors import SliderFileError
from .fused import ALPHA, DORA, DOWN, MID, UP, padded
from .layout import Place
from .magnitudes import base_magnitudes, magnitude_ratio, with_magnitudes
from .places import Part

CONFIG = "lora_adapter_metadata"


def from_peft(tensors: dict[str, Tensor], place: Place, model: Any) -> dict[str, Tensor]:
    """A LoRA with PEFT's meaning (alpha = rank), with the alpha that it was trained with where that is known."""
    up, down = tensors[UP], tensors[DOWN]
    rank = len(down)
    found = {name: tensor for name, tensor in tensors.items() if name != "magnitude"}
    if ALPHA in tensors:  # some programs write it beside PEFT's names, and ComfyUI heeds it
        ratio = float(tensors[ALPHA]) / rank
        found |= {"diff_b": tensors["diff_b"] * ratio} if "diff_b" in tensors else {}
    else:
        alpha = place.alpha if place.alpha and place.rank == rank else float(rank)
        found[UP] = _times(up, rank / alpha).to(down.dtype)
        found[ALPHA] = torch.tensor(alpha, dtype=torch.float32)
    if "magnitude" in tensors:
        magnitudes = tensors["magnitude"].flatten() * magnitude_ratio(found, place, model)
        found[DORA] = magnitudes.reshape(-1, *[1] * (up.ndim - 1))
    return found


def _times(tensor: Tensor, factor: float) -> Tensor:
    """The product, in float64 where it could not be undone exactly."""
    is_power_of_two = math.frexp(factor)[0] == 0.5
    return tensor * factor if is_power_of_two else tensor.double() * factor


def to_peft(part: Part, model: Any) -> dict[str, Tensor]:
    """The LoRA of a part under PEFT's names."""
    if unsaid := part.tensors.keys() - {UP, DOWN, MID, ALPHA, DORA}:
        raise SliderFileError(
            f"PEFT has no name for {', '.join(sorted(unsaid))} of {part.place.layer!r}. Save in native format."
        )
    if part.place.rows and part_of(part.place.name):
        part = _whole(part, model)
    up, down, place = part.tensors[UP], part.tensors[DOWN], part.place
    if MID in part.tensors:
        down = torch.einsum("m n ..., n j -> m j ...", part.tensors[MID], down.flatten(1))
    named = {
        "lora_A.weight": down,
        "lora_B.weight": _times(up, float(part.tensors[ALPHA]) / len(down)),
    }
    if DORA in part.tensors:
        if part.tensors[DORA].shape[0] != len(up):
            raise SliderFileError(
                "DoRA by columns, and IA3 by columns, cannot be said in PEFT's terms. Save in native format."
            )
        magnitudes = part.tensors[DORA].flatten() / magnitude_ratio({**part.tensors, DOWN: down}, place, model)
        named["lora_magnitude_vector"] = (
            magnitudes if up.ndim == 2 else magnitudes.reshape(1, -1, *[1] * (up.ndim - 2))
        )
    return named


def _whole(part: Part, model: Any) -> Part:
    """A LoRA on some rows of a layer as one of them all, which leaves the others as they are."""
    place, whole = part.place, replace(part.place, rows=None)
    start, stop = place.rows or (0, place.layer_rows)
    tensors = {**part.tensors, UP: padded([((start, stop), part.tensors[UP])], place.layer_rows)}
    return Part(
        whole, with_magnitudes(tensors, [((start, stop), part.tensors)], lambda: base_magnitudes(whole, model))
    )


def peft_config(ranks: Mapping[str, int], dora: bool) -> str:
    """PEFT's LoraConfig for each model of the file, as diffusers keeps it under `lora_adapter_metadata`."""
    config: dict[str, Any] = {}
    for component in {key.partition(".")[0] for key in ranks}:
        own = {key.partition(".")[2]: rank for key, rank in ranks.items() if key.startswith(f"{component}.")}
        usual = max(set(own.values()), key=list(own.values()).count)
        other = {f"^{name}": rank for name, rank in own.items() if rank != usual}
        settings = {
            "r": usual,
            "lora_alpha": usual,
            "rank_pattern": other,
            "alpha_pattern": other,
            "target_modules": sorted(own),
            "use_dora": dora,
        }
        config |= {f"{component}.{name}": value for name, value in settings.items()}
    return json.dumps(config, sort_keys=True)
