"""The same slider under other key names: ComfyUI's native ones, diffusers' and PEFT's, kohya's.

| format | a LoRA's keys | other kinds |
|---|---|---|
| native | `diffusion_model.<layer>.lora_up.weight` | the same, with LyCORIS's suffixes |
| diffusers | `transformer.<diffusers name>.lora_B.weight` | `lycoris_<diffusers name>.<suffix>` for lycoris-lora |
| kohya | `lora_unet_<layer with underscores>.lora_up.weight` | the same, with LyCORIS's suffixes |

On fused weights, native and kohya have one block-diagonal LoRA, diffusers one each for q, k and v. alpha / rank is
multiplied into `lora_B`, as PEFT's names have no alpha; where that would round, `lora_B` is float64. So every
conversion and its way back keep every bit.

What is for a text encoder stays as it is where the format has it under the same names, and is left out elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..given import quoted
from ..settings.files import FORMATS
from .errors import SliderFileError
from .keys import OTHER_NAMES, for_text_encoder, taken_apart
from .layout import FORMAT
from .parts import split
from .peft import CONFIG
from .places import Places
from .reading import NO_LAYER, Read, read
from .slider import Slider
from .writing import by_layer, for_diffusers

NATIVE = ("diffusion_model.", "control_model.")
NOT_NATIVE = (".on_input", *OTHER_NAMES)


def convert(slider: Mapping[str, Tensor], key_format: str, model: Any = None) -> Slider:
    """The slider under the keys of another format.

    Args:
        model: needed where the slider's metadata does not say which layers it has (other people's LoRAs), and for
            kinds that mean different things to ComfyUI and others: DoRA, IA³, OFT and BOFT.

    Raises:
        SliderFileError: if a tensor cannot be placed, or cannot be said in this format.
    """
    if key_format not in FORMATS:
        raise SliderFileError(f"there is no key format {key_format!r}; choose one of {', '.join(FORMATS)}.")
    metadata = dict(getattr(slider, "metadata", {}))
    if metadata.get(FORMAT, _guessed(slider)) == key_format:
        return Slider(slider, metadata)
    places, slider = Places(metadata, model), _in_comfyuis_names(slider, model)
    found = read(slider, places, model)
    kept = _kept(found, places, key_format)
    _check(found, len(slider), model)
    if key_format != "native" and any(not part.place.layer.startswith(NATIVE[0]) for part in found.parts):
        raise SliderFileError(
            "sliders of ControlNets are kept in native format: no other program can load them."
        )
    if not found.parts:
        raise SliderFileError("the file has nothing for the diffusion model. Choose a LoRA that has.")
    metadata.pop(CONFIG, None)
    try:
        if key_format == "diffusers":
            tensors, config = for_diffusers(
                [part for whole in found.parts for part in split(whole, places, model)], places, model
            )
            metadata |= {CONFIG: config} if config else {}
        else:
            tensors = by_layer(found.parts, key_format, places, model)
    except (KeyError, IndexError, RuntimeError) as reason:
        raise SliderFileError(
            f"the file cannot be said in {key_format} format: a tensor is missing or does not fit the others "
            f"({quoted(str(reason))})."
        ) from reason
    return Slider({**tensors, **{key: slider[key] for key in kept}}, {**metadata, FORMAT: key_format})


def as_native(slider: Mapping[str, Tensor], model: Any) -> tuple[Slider, list[str]]:
    """As much of any LoRA as fits the model, under native keys; and the keys that do not, with the reasons."""
    metadata = dict(getattr(slider, "metadata", {}))
    if metadata.get(FORMAT, _guessed(slider)) == "native":
        return Slider(slider, metadata), []
    places, slider = Places(metadata, model), _in_comfyuis_names(slider, model)
    found = read(slider, places, model)
    left = [*found.text, *(f"{key} ({reason})" for key, reason in found.unknown.items())]
    return Slider(by_layer(found.parts, "native", places, model), {**metadata, FORMAT: "native"}), left


def _in_comfyuis_names(slider: Mapping[str, Tensor], model: Any) -> Mapping[str, Tensor]:
    """Files that ComfyUI's loader renames as a whole, renamed."""
    if model is None:
        return slider
    from comfy.lora_convert import convert_lora

    renamed: Mapping[str, Tensor] = convert_lora(slider)
    return renamed


def _guessed(slider: Mapping[str, Tensor]) -> str:
    """The format of a LoRA that does not say it: native, if every key is one that ComfyUI takes for every model."""
    own = slider.keys() - set(for_text_encoder(slider))
    rotated = {key.removesuffix(".oft_blocks") for key in own if key.endswith(".oft_blocks")}
    named_so = all(key.startswith(NATIVE) and not key.endswith(NOT_NATIVE) for key in own)
    return "native" if named_so and {f"{layer}.diff" for layer in rotated} <= own else "unknown"


def _kept(found: Read, places: Places, key_format: str) -> list[str]:
    """The keys that stay as they are: of text encoders, and ComfyUI's own of what is no layer but norm or bias."""
    if key_format == "diffusers":
        return [key for key in found.text if key.startswith("text_encoder")]
    own = [
        key for key in found.unknown if key.startswith(NATIVE) and taken_apart(key)[0] in (places.comfyui or ())
    ]
    own = [key for key in own if found.unknown[key] == NO_LAYER]
    for key in own:
        del found.unknown[key]
    return [*found.text, *own]


def _check(found: Read, tensors: int, model: Any) -> None:
    """Nothing of a file is left out in silence."""
    if not found.unknown:
        return
    key, reason = min(found.unknown.items())
    if model is None and reason == NO_LAYER:
        raise SliderFileError(
            f"it is not known to which layer {taken_apart(key)[0]!r} belongs. Connect the model that the slider was "
            f"made for."
        )
    raise SliderFileError(
        f"{len(found.unknown)} of {tensors} tensors have no place in this format, such as {key!r}: {reason}. Nothing "
        f"was converted; Apply Slider uses what fits the model."
    )
