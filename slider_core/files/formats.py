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

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from typing import Any

from torch import Tensor

from ..given import quoted
from .errors import SliderFileError
from .fused import DORA, UP, can_merge, merged, padded
from .layout import FORMAT
from .lengths import base_lengths
from .peft import CONFIG, peft_config, to_peft
from .places import WHOLE_IN_DIFFUSERS, Part, Places, diffusers_key, kohya_key, lycoris_key, part_key
from .reading import read, split
from .slider import Slider
from .sound import incomplete

FORMATS = ("native", "diffusers", "kohya")


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
    for key, reason in incomplete(slider).items():
        raise SliderFileError(f"{quoted(key)} {reason}, so it cannot be converted. The file is not whole.")
    places = Places(metadata, model)
    parts = list(read(slider, places, model))
    if key_format != "native" and any(not part.place.layer.startswith("diffusion_model.") for part in parts):
        raise SliderFileError(
            "sliders of ControlNets are kept in native format: no other program can load them."
        )
    metadata.pop(CONFIG, None)
    if key_format == "diffusers":
        tensors, config = _diffusers([part for whole in parts for part in split(whole, places)], model)
        metadata |= {CONFIG: config} if config else {}
    else:
        tensors = _by_layer(parts, key_format, model)
    return Slider(tensors, {**metadata, FORMAT: key_format})


def _guessed(slider: Mapping[str, Tensor]) -> str:
    """The format of a LoRA that does not say it: native, unless a key has another format's beginning."""
    foreign = ("transformer.", "unet.", "lora_unet_", "lycoris_")
    return "unknown" if any(key.startswith(foreign) for key in slider) else "native"


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
            lengths = base_lengths(replace(parts[0].place, rows=None), model)
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
            named = to_peft(part, model)
            ranks[key] = len(named["lora_A.weight"])
        else:
            key, named = lycoris_key(part.place) or key, _to_lycoris(part)
        tensors |= {f"{key}.{suffix}": tensor.contiguous() for suffix, tensor in named.items()}
    return tensors, peft_config(ranks, any(DORA in part.tensors for part in parts)) if ranks else ""


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
