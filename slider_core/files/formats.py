"""The same slider under other key names: ComfyUI's native ones, diffusers' and PEFT's, kohya's.

| format | a LoRA's keys | other kinds |
|---|---|---|
| native | `diffusion_model.<layer>.lora_up.weight` | the same, with LyCORIS's suffixes |
| diffusers | `transformer.<diffusers name>.lora_B.weight` | `lycoris_<diffusers name>.<suffix>` for lycoris-lora |
| kohya | `lora_unet_<layer with underscores>.lora_up.weight` | the same, with LyCORIS's suffixes |

On fused weights, native and kohya have one block-diagonal LoRA, diffusers one each for q, k and v. alpha / rank is
multiplied into `lora_B`, as PEFT's names have no alpha; where that would round, `lora_B` is float64. So every
conversion and its way back keep every bit.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from ..adapters.layer import layer_of, row_norms, weight_rows
from ..architectures.target import Target
from .errors import SliderFileError
from .fused import ALPHA, can_merge, merged, padded, pairs_of, separated
from .layout import FORMAT, Place
from .places import WHOLE_IN_DIFFUSERS, Places, diffusers_key, kohya_key, lycoris_key, part_key
from .slider import Slider

PEFT_CONFIG = "lora_adapter_metadata"
FORMATS = ("native", "diffusers", "kohya")
UP, DOWN, DORA = "lora_up.weight", "lora_down.weight", "dora_scale"
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
SUFFIXES = (
    *OTHER_NAMES,
    *(UP, DOWN, "lora_mid.weight", ALPHA, DORA, "diff", "diff_b", "reshape_weight", "set_weight"),
    *("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2"),
    *(
        "lokr_w1",
        "lokr_w1_a",
        "lokr_w1_b",
        "lokr_w2",
        "lokr_w2_a",
        "lokr_w2_b",
        "lokr_t2",
        "oft_blocks",
        "rescale",
    ),
    *("a1.weight", "a2.weight", "b1.weight", "b2.weight"),
)


@dataclass(frozen=True)
class Part:
    """The tensors at one place, under LyCORIS's suffixes."""

    place: Place
    tensors: dict[str, Tensor]


def convert(slider: Mapping[str, Tensor], key_format: str, model: Any = None) -> Slider:
    """The slider under the keys of another format.

    Args:
        model: needed where the slider's metadata does not say which layers it has (other people's LoRAs), and for
            DoRA, whose lengths mean different things to ComfyUI and PEFT.

    Raises:
        SliderFileError: if a tensor cannot be placed, or cannot be said in this format.
    """
    if key_format not in FORMATS:
        raise SliderFileError(f"there is no key format {key_format!r}; choose one of {', '.join(FORMATS)}.")
    metadata = dict(getattr(slider, "metadata", {}))
    if metadata.get(FORMAT, _guessed(slider)) == key_format:
        return Slider(slider, metadata)
    places = Places(metadata, model)
    parts = list(_read(slider, places, model))
    if key_format != "native" and any(not part.place.layer.startswith("diffusion_model.") for part in parts):
        raise SliderFileError(
            "sliders of ControlNets are kept in native format: no other program can load them."
        )
    metadata.pop(PEFT_CONFIG, None)
    if key_format == "diffusers":
        tensors, config = _diffusers([part for whole in parts for part in _split(whole, places)], model)
        metadata |= {PEFT_CONFIG: config} if config else {}
    else:
        tensors = _by_layer(parts, key_format, model)
    return Slider(tensors, {**metadata, FORMAT: key_format})


def _guessed(slider: Mapping[str, Tensor]) -> str:
    """The format of a LoRA that does not say it: native, unless a key has another format's beginning."""
    foreign = ("transformer.", "unet.", "lora_unet_", "lycoris_")
    return "unknown" if any(key.startswith(foreign) for key in slider) else "native"


def _read(slider: Mapping[str, Tensor], places: Places, model: Any) -> Iterator[Part]:
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
            tensors = _from_peft(tensors, place, model)
        elif (pairs := pairs_of(tensors)) and ALPHA not in tensors:
            tensors[ALPHA] = torch.tensor(float(len(tensors[pairs[0][1]])))
        yield Part(place, tensors)


def _taken_apart(key: str) -> tuple[str, str]:
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if key.endswith(f".{suffix}"):
            return key[: -len(suffix) - 1], suffix
    raise SliderFileError(f"the tensor {key!r} is of no known kind of adapter.")


def _from_peft(tensors: dict[str, Tensor], place: Place, model: Any) -> dict[str, Tensor]:
    up, down = tensors[UP], tensors[DOWN]
    if place.rows and len(up) == place.layer_rows:
        up = up[slice(*place.rows)]
    rank = len(down)
    alpha = place.alpha if place.alpha and place.rank == rank else float(rank)
    found = {
        UP: _times(up, rank / alpha).to(down.dtype),
        DOWN: down,
        ALPHA: torch.tensor(alpha, dtype=torch.float32),
    }
    if "magnitude" in tensors:
        lengths = tensors["magnitude"].flatten() * _lengths_ratio(found, place, model)
        found[DORA] = lengths.reshape(-1, *[1] * (up.ndim - 1))
    return found


def _times(tensor: Tensor, factor: float) -> Tensor:
    """The product, in float64 where it could not be undone exactly."""
    is_power_of_two = math.frexp(factor)[0] == 0.5
    return tensor * factor if is_power_of_two else tensor.double() * factor


def _base_lengths(place: Place, model: Any) -> Tensor:
    """|W| for the rows of a place."""
    return row_norms(_weight(place, model))


def _lengths_ratio(tensors: Mapping[str, Tensor], place: Place, model: Any) -> Tensor:
    """|W| / |W + ΔW| for the rows of a place: between PEFT's DoRA lengths and ComfyUI's."""
    weight = _weight(place, model)
    ratio = float(tensors[ALPHA]) / len(tensors[DOWN])
    change = ratio * tensors[UP].flatten(1).float() @ tensors[DOWN].flatten(1).float()
    return row_norms(weight) / row_norms(weight.flatten(1) + change)


def _weight(place: Place, model: Any) -> Tensor:
    if model is None:
        raise SliderFileError(
            "DoRA's lengths depend on the base model: connect the model to convert the slider."
        )
    with torch.inference_mode(False):
        return weight_rows(layer_of(model, Target(f"{place.layer}.weight")), place.rows).cpu()


def _split(part: Part, places: Places) -> Iterator[Part]:
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


def _by_layer(parts: list[Part], key_format: str, model: Any) -> dict[str, Tensor]:
    """Native or kohya keys."""
    named = (lambda layer: layer) if key_format == "native" else kohya_key
    tensors: dict[str, Tensor] = {}
    ordered = sorted(parts, key=lambda part: (part.place.layer, part.place.rows or (0, 0)))
    for layer, group in groupby(ordered, key=lambda part: part.place.layer):
        of_layer = list(group)
        for key, found in _whole(of_layer, named(layer), model):
            tensors |= {f"{key}.{suffix}": tensor for suffix, tensor in found.items()}
    return tensors


def _whole(parts: list[Part], key: str, model: Any) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """The tensors of a layer under its own name, or under diffusers names where they cannot be put together."""
    if parts[0].place.rows is None:
        yield key, parts[0].tensors
        return
    at = [(part.place.rows or (0, 0), part.tensors) for part in parts]
    rows = parts[0].place.layer_rows
    if can_merge([part.tensors for part in parts]):
        whole = merged(at, rows, share=True)
        if any(DORA in part.tensors for part in parts):
            lengths = _base_lengths(replace(parts[0].place, rows=None), model)
            whole[DORA] = lengths.reshape(-1, *[1] * (whole[UP].ndim - 1)).clone()
            for (start, stop), tensors in at:
                whole[DORA][start:stop] = tensors.get(DORA, whole[DORA][start:stop])
        yield key, whole
    elif all(part.tensors.keys() <= {"diff", "diff_b"} for part in parts):
        names = parts[0].tensors
        yield key, {name: padded([(where, tensors[name]) for where, tensors in at], rows) for name in names}
    else:
        yield from ((part_key(part.place) or key, part.tensors) for part in parts)


def _diffusers(parts: list[Part], model: Any) -> tuple[dict[str, Tensor], str]:
    """Keys of diffusers and PEFT, and the config that they read from the file's metadata."""
    tensors: dict[str, Tensor] = {}
    ranks: dict[str, int] = {}
    for part in parts:
        key = diffusers_key(part.place)
        if key is None:
            raise SliderFileError(
                f"diffusers has no layer for {part.place.layer!r}, as far as is known here. Save in native format."
            )
        if UP in part.tensors:
            named = _to_peft(part, model)
            ranks[key] = len(named["lora_A.weight"])
        else:
            key, named = lycoris_key(part.place) or key, _to_lycoris(part)
        tensors |= {f"{key}.{suffix}": tensor.contiguous() for suffix, tensor in named.items()}
    return tensors, _peft_config(ranks, any(DORA in part.tensors for part in parts)) if ranks else ""


def _to_lycoris(part: Part) -> dict[str, Tensor]:
    """The tensors as lycoris-lora reads them; the full difference beside OFT's blocks is for ComfyUI only."""
    named, place = part.tensors, part.place
    if place.rows and place.name and place.name.endswith(WHOLE_IN_DIFFUSERS):
        if not named.keys() <= {"diff", "diff_b"}:
            raise SliderFileError(
                f"in diffusers {place.name} is one layer with the MLP, of which only a part was trained. Save this "
                f"kind in native format."
            )
        return {name: padded([(place.rows, tensor)], place.layer_rows) for name, tensor in named.items()}
    return {name: tensor for name, tensor in named.items() if "oft_blocks" not in named or name != "diff"}


def _to_peft(part: Part, model: Any) -> dict[str, Tensor]:
    up, down, place = part.tensors[UP], part.tensors[DOWN], part.place
    if "lora_mid.weight" in part.tensors:
        down = torch.einsum("m n ..., n j -> m j ...", part.tensors["lora_mid.weight"], down.flatten(1))
    rank = len(down)
    scaled = _times(up, float(part.tensors[ALPHA]) / rank)
    if place.rows and place.name and place.name.endswith(WHOLE_IN_DIFFUSERS):
        scaled = padded([(place.rows, scaled)], place.layer_rows)
    named = {"lora_A.weight": down, "lora_B.weight": scaled}
    if DORA in part.tensors:
        if part.tensors[DORA].shape[0] != len(up):
            raise SliderFileError("DoRA by columns, and IA3 by columns, cannot be said in PEFT's terms.")
        lengths = part.tensors[DORA].flatten() / _lengths_ratio(part.tensors, place, model)
        named["lora_magnitude_vector"] = (
            lengths if up.ndim == 2 else lengths.reshape(1, -1, *[1] * (up.ndim - 2))
        )
    return named


def _peft_config(ranks: Mapping[str, int], dora: bool) -> str:
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
