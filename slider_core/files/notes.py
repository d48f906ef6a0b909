"""What the user should know of a slider that is saved under some key format: who can load it, and how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from .layout import FORMAT

ROTATED = (
    "ComfyUI's own loader turns OFT and BOFT by the square of the strength in this format, so −1 does what +1 does. "
    "Apply Slider is right; native and kohya files are right everywhere."
)
LENGTHS = "ComfyUI's own loader does not read PEFT's DoRA lengths; for ComfyUI save in native format."
DIFFERENCE = (
    "The rotations (OFT, BOFT) are in the file together with the full weight difference that ComfyUI's own loader "
    "needs, so it is large. The diffusers format, for lycoris-lora, has no difference."
)


def notes_on(slider: Mapping[str, Tensor], model: Any = None) -> list[str]:
    """Notes on a slider as `convert` or `to_slider` gave it.

    Args:
        model: to say which keys ComfyUI does not know on it.
    """
    key_format = getattr(slider, "metadata", {}).get(FORMAT, "native")
    notes = []
    rotated = any(key.endswith(".oft_blocks") for key in slider)
    if rotated:
        notes.append(ROTATED if key_format == "diffusers" else DIFFERENCE)
    if any(key.endswith(".lora_magnitude_vector") for key in slider):
        notes.append(LENGTHS)
    if model is not None and key_format == "diffusers":
        from ..comfy_bridge.lora import deltas_for

        unknown = [key for key in deltas_for(model, slider)[1] if not key.endswith(".lora_magnitude_vector")]
        if unknown:
            notes.append(
                f"ComfyUI does not know {len(unknown)} of the names on this model ({unknown[0]}): the file is for "
                f"diffusers, PEFT or lycoris-lora. For ComfyUI save in native format."
            )
    return notes
