"""ComfyUI's names for parts of fused weights: `transformer.….attn.to_q` is some rows of a qkv weight."""

from __future__ import annotations

from typing import Any


def part_names(model: Any) -> dict[tuple[str, tuple[int, int]], str]:
    """For (weight key, rows) of `model`, a ComfyUI BaseModel, the name that ComfyUI's LoRA loader has for them."""
    if not hasattr(model, "model_config"):
        return {}
    from comfy.lora import model_lora_keys_unet

    names: dict[tuple[str, tuple[int, int]], str] = {}
    for name, place in model_lora_keys_unet(model, {}).items():
        if isinstance(place, tuple) and len(place) == 2 and place[1][0] == 0 and "." in name:
            key, (_, start, length) = place
            known = names.get((key, (start, start + length)), "")
            if not known.startswith("transformer."):
                names[key, (start, start + length)] = name
    return names
