"""What LyCORIS configs list as targets, and what the class names of diffusers in such lists stand for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..given import quoted

LISTS = ("target_module", "target_name", "unet_target_module", "unet_target_name")
# Class names of diffusers, by the roles of the targets within.
CLASSES = {"Attention": ("attention", "other"), "FeedForward": ("mlp",)}


def listed_targets(preset: Mapping[str, Any]) -> list[str]:
    """The names in all lists of targets of a preset. Raises ValueError as `names_in`."""
    return [name for key in LISTS for name in names_in(preset, key)]


def names_in(preset: Mapping[str, Any], key: str) -> list[str]:
    """The names in one list of a preset.

    Raises:
        ValueError: if it is no list of names.
    """
    names = preset.get(key) or []
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{key} must be a list of names, not {quoted(names)}.")
    return list(names)
