"""Any LoRA that ComfyUI can load, as deltas of layers, so that each row of a batch can have its own strength.

ComfyUI's own key map and readers take the file apart; only the change, which they would add to the weight, is
added to the layer's output instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any

from comfy import lora, lora_convert
from torch import Tensor, nn

from ..adapters.layer import root_of
from ..files.sound import incomplete
from ..strength import Delta
from .patch_readers import delta_of
from .patches import Place, Unusable, without_overlap

TEXT_ENCODER = ("lora_te", "text_encoder", "te1.", "te2.", "lora_prior_te", "cond_stage_model", "hydit_clip")


class ReadTensors(dict[str, Tensor]):
    """Tensors that remember which of them were read: ComfyUI's loader does not say which keys it used."""

    def __init__(self, tensors: Mapping[str, Tensor]):
        super().__init__(tensors)
        self.read: set[str] = set()

    def __getitem__(self, key: str) -> Tensor:
        self.read.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        return self[key] if key in self else default


def deltas_for(model: Any, slider: Mapping[str, Tensor]) -> tuple[dict[str, list[Delta]], list[str]]:
    """The deltas of a LoRA by layer name of `model`, and the keys of it that are not used.

    At strength s, a delta does what ComfyUI's loader does to the weight at strength s, with two exceptions: OFT and
    BOFT files without a full difference work at s, not at s² as there; what a file sets outright is the base
    model's own where the strength is 0.

    Args:
        model: ModelPatcher, BaseModel or ControlNet.
        slider: a slider, or the tensors of any LoRA file.
    """
    root = root_of(model)
    text = set(for_text_encoder(slider))
    # ComfyUI's readers take the rest of a layer for granted.
    alone = {key: reason for key, reason in incomplete(slider).items() if key not in text}
    whole_layers = {key: tensor for key, tensor in slider.items() if key not in alone}
    tensors = ReadTensors(lora_convert.convert_lora(whole_layers))
    patches = lora.load_lora(tensors, key_map(root), log_missing=False)
    deltas: dict[str, list[Delta]] = {}
    unusable = [f"{key} ({reason})" for key, reason in sorted(alone.items())]
    for key, patch in patches.items():
        weight, rows, reorder = _taken_apart(key)
        layer, _, parameter = weight.rpartition(".")
        try:
            module = reduce(getattr, layer.split("."), root)
            delta = delta_of(patch, Place(module, parameter, rows, reorder))
        except (Unusable, AttributeError) as reason:
            unusable.append(f"{weight} ({reason})")
            continue
        deltas.setdefault(layer, []).append(delta)
    whole = {layer: without_overlap(of_layer) for layer, of_layer in deltas.items()}
    return whole, sorted(tensors.keys() - tensors.read) + unusable


def _taken_apart(key: Any) -> tuple[str, tuple[int, int] | None, Any]:
    """The weight, its rows if not all, and the reordering of rows, of a place in ComfyUI's key map."""
    if isinstance(key, str):
        return key, None, None
    weight, offset, *reorder = key
    rows = None if offset is None else (offset[1], offset[1] + offset[2])
    return weight, rows, reorder[0] if reorder else None


def for_text_encoder(keys: Iterable[str]) -> list[str]:
    """Those of a LoRA's keys that are for a text encoder, which no slider touches."""
    return [key for key in keys if key.startswith(TEXT_ENCODER)]


def key_map(model: Any) -> dict[str, Any]:
    """LoRA key prefix to weight key (and slice) of a model; a ControlNet is known by its native names only."""
    if hasattr(model, "control_model"):
        names = [f"control_model.{key}" for key in model.control_model.state_dict()]
        return {name.removesuffix(".weight"): name for name in names}
    if not hasattr(model, "model_config"):
        return _native_names(model)
    return lora.model_lora_keys_unet(model, {})


def _native_names(model: nn.Module) -> dict[str, str]:
    return {name.removesuffix(".weight"): name for name in model.state_dict()}
