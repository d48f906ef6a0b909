"""The names that ComfyUI's LoRA loader has for the layers of a model, and for parts of fused weights."""

from __future__ import annotations

from typing import Any

from torch import nn


def part_names(model: Any) -> dict[tuple[str, tuple[int, int]], str]:
    """For (weight key, rows) of `model`, a ComfyUI BaseModel, the name that the loader has for them.

    `transformer.….attn.to_q` is some rows of a qkv weight.
    """
    if not hasattr(model, "model_config"):
        return {}
    names: dict[tuple[str, tuple[int, int]], str] = {}
    for name, place in key_map(model).items():
        if isinstance(place, tuple) and len(place) == 2 and place[1][0] == 0 and "." in name:
            key, (_, start, length) = place
            known = names.get((key, (start, start + length)), "")
            if not known.startswith("transformer."):
                names[key, (start, start + length)] = name
    return names


def key_map(model: Any) -> dict[str, Any]:
    """LoRA key prefix to weight key (and slice) of a model; a ControlNet is known by its native names only."""
    if hasattr(model, "control_model"):
        return _native_names(model.control_model, "control_model.")
    if not hasattr(model, "model_config"):
        return _native_names(model)
    from comfy.lora import model_lora_keys_unet

    names: dict[str, Any] = model_lora_keys_unet(model, {})
    return names


def _native_names(model: nn.Module, prefix: str = "") -> dict[str, Any]:
    return {f"{prefix}{name.removesuffix('.weight')}": f"{prefix}{name}" for name in model.state_dict()}
