"""LyCORIS's own presets by name, such as `attn-mlp`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..given import quoted
from .lycoris_values import LycorisConfigError
from .registry import nearest

# The lists name block classes of some families only; these names mean the same parts of every family.
MEANT = {
    "full": ["Attention", "FeedForward"],
    "full-lin": ["Attention", "FeedForward"],
    "attn-mlp": ["Attention", "FeedForward"],
    "attn-only": ["Attention"],
    "unet-only": ["Attention", "FeedForward"],
    "unet-transformer-only": ["Attention", "FeedForward"],
}


def named_preset(name: Any) -> Mapping[str, Any]:
    """The lists of a preset of lycoris-lora, and the parts of a model that it is for.

    Raises:
        LycorisConfigError: if there is none of this name; preset files (.toml) are not read.
    """
    from lycoris.config import PRESET

    if not isinstance(name, str) or name not in PRESET:
        hint = nearest(str(name)[:100], PRESET)
        raise LycorisConfigError(
            f"LyCORIS has no preset {quoted(name)}. {hint} What a preset file (.toml) lists can be written under "
            "apply_preset.target_module."
        )
    return {**PRESET[name], "target_module": MEANT.get(name, [])}
