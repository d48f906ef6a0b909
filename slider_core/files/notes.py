"""What the user should know of a slider: who can load it under its key format, and how much of it fits a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from ..given import counted
from .keys import for_text_encoder, taken_apart
from .layout import FORMAT

WARNING = "⚠"

ROTATED = (
    "ComfyUI's own loader turns OFT and BOFT by the square of the strength in this format, so −1 does what +1 does. "
    "Apply Slider is right; native and kohya files are right everywhere."
)
MAGNITUDES = "ComfyUI's own loader does not read PEFT's DoRA magnitudes; for ComfyUI save in native format."
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
        notes.append(MAGNITUDES)
    if model is not None and key_format == "diffusers":
        from .unread import unread_by_comfyui

        unread = [key for key in unread_by_comfyui(model, slider) if not key.endswith(".lora_magnitude_vector")]
        if unread := [key for key in unread if not for_text_encoder([key])]:
            notes.append(
                f"ComfyUI's own loader does not know {len(unread)} of the names on this model ({unread[0]}): the file "
                f"is for diffusers, PEFT or lycoris-lora. Apply Slider is right; for ComfyUI save in native format."
            )
    return notes


def notes_on_fit(slider: Mapping[str, Tensor], unused: Sequence[str], into: str = "the model") -> list[str]:
    """What of a file is left out, as a warning that begins with ⚠; and what is for the text encoder, as a remark.

    Args:
        unused: as `lora.deltas_for` or `load_into` gave them.
    """
    text = for_text_encoder(unused)
    left = sorted(set(unused) - set(text))
    notes = []
    if left:
        layers = {taken_apart(key)[0] for key in slider.keys() - set(for_text_encoder(slider))}
        missed = {taken_apart(key.partition(" (")[0])[0] for key in left}
        notes.append(
            f"{WARNING} Only {max(0, len(layers) - len(missed))} of {len(layers)} layers of this file fit {into}. Left "
            f"out: {', '.join(left[:3])}{' …' if len(left) > 3 else ''}. So this is not what the file was made for."
        )
    if text:
        notes.append(f"{_are(len(text))} for the text encoder, which sliders leave alone.")
    return notes


def notes_on_text(given: Mapping[str, Tensor], written: Mapping[str, Tensor]) -> list[str]:
    """What became of a file's tensors for the text encoder when it was converted."""
    text = for_text_encoder(given)
    if not text:
        return []
    same = "in the file as before" if for_text_encoder(written) else "not in the file"
    return [f"{_are(len(text))} for the text encoder, which sliders leave alone, and {same}."]


def _are(tensors: int) -> str:
    return f"{counted(tensors, 'tensor')} {'is' if tensors == 1 else 'are'}"
