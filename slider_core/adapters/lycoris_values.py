"""The keys of a LyCORIS config that say how adapters are made, and their values, read and checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..given import quoted
from .base import HIGHEST, AdapterError
from .registry import KINDS, nearest

# What LyCORIS calls our options, older names of its own included.
RENAMED = {
    "rs_lora": "rslora",
    "dora_wd": "dora",
    "weight_decompose": "dora",
    "constrain": "constraint",
    "use_cp": "use_tucker",
    "use_conv_cp": "use_tucker",
}
SIZES = {"linear_dim": "dim", "linear_alpha": "alpha"}
NUMBERS = {
    "dim",
    "alpha",
    "conv_dim",
    "conv_alpha",
    "multiplier",
    "factor",
    "block_size",
    "constraint",
    "constrain",
}
NUMBERS |= {"dropout", "rank_dropout", "module_dropout", *SIZES}
SWITCHES = {"use_scalar", "use_tucker", "rescaled", "full_matrix", "decompose_both", "unbalanced_factorization"}
SWITCHES |= {"rank_dropout_scale", "train_on_input", "wd_on_output", "bypass_mode", "train_norm"}
SWITCHES |= {"disable_conv_cp", "train_llm_adapter", "warn_on_unmatched", *RENAMED} - NUMBERS
KNOWN = {"algo", "apply_preset", *NUMBERS, *SWITCHES}


class LycorisConfigError(AdapterError):
    """A LyCORIS config has a key or a value that means nothing here."""


def checked_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with numbers and switches read, under one name each."""
    read: dict[str, Any] = {}
    for key, value in settings.items():
        name = RENAMED.get(SIZES.get(key, key), SIZES.get(key, key))
        if value is None:
            continue
        if key == "algo":
            read[name] = _algo(value)
        else:
            read[name] = _number(key, value) if key in NUMBERS else switch(key, value)
    if "disable_conv_cp" in read:
        read["use_tucker"] = not read.pop("disable_conv_cp")
    return read


def _algo(value: Any) -> str:
    if str(value).lower() not in KINDS:
        raise LycorisConfigError(f"there is no algo {quoted(value)}. {nearest(str(value)[:100], KINDS)}")
    return str(value).lower()


def _number(key: str, value: Any) -> float | int:
    low = {"dim": 1, "linear_dim": 1, "conv_dim": 1, "block_size": 1, "factor": -1}.get(key, 0)
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not low <= number <= HIGHEST or (low and number != int(number)):
        kind = "a whole number" if low else "a number"
        raise LycorisConfigError(f"{key} must be {kind} of {low} to {HIGHEST:.0f}, not {quoted(value)}.")
    return int(number) if low else number


def switch(key: str, value: Any) -> bool:
    if str(value).lower() not in ("true", "false", "1", "0"):
        raise LycorisConfigError(f"{key} must be true or false, not {quoted(value)}.")
    return str(value).lower() in ("true", "1")
