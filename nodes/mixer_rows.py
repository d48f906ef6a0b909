"""The rows of Slider Mixer, as the page's editor and API workflows write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from ..slider_core.given import STRONGEST, parsed_json, quoted
from .loras import file_label

MOST = 100  # rows


@dataclass(frozen=True)
class MixerRow:
    """One slider of the mixer: what an Apply Slider of its own would say.

    Attributes:
        file: of the LoRA folders.
        on: whether it is applied at all.
        start, end: part of the sampling in which it works, 0 to 1.
        name: by which Slider Strength picks it.
    """

    file: str
    on: bool = True
    strength: float = 1.0
    start: float = 0.0
    end: float = 1.0
    name: str = ""


KEYS = [field.name for field in fields(MixerRow)]
EXAMPLE = '[{"file": "smile.safetensors", "strength": 0.8}]'


def mixer_rows(given: Any) -> list[MixerRow]:
    """The rows of a list of objects, or of its JSON text; only `file` has to be in each.

    Raises:
        ValueError: naming the row and the key at fault.
    """
    if isinstance(given, str):
        given = parsed_json(given or "[]", "The list of rows")
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise ValueError(f"The rows of Slider Mixer are {quoted(given)}; they must be a list like {EXAMPLE}.")
    if len(given) > MOST:
        raise ValueError(f"Slider Mixer has {len(given)} rows; at most {MOST} are possible.")
    return [_row(number, row) for number, row in enumerate(given, 1)]


def _row(number: int, given: Any) -> MixerRow:
    if not isinstance(given, Mapping):
        raise ValueError(f"Row {number} is {quoted(given)}; it must be an object like {EXAMPLE[1:-1]}.")
    for key, value in given.items():
        if key not in KEYS:
            raise ValueError(f"Row {number} has {quoted(key)}; the keys of a row are {', '.join(KEYS)}.")
        if fault := _fault(key, value):
            raise ValueError(f"{key} of row {number} is {quoted(value)}; it must be {fault}.")
    if not given.get("file"):
        raise ValueError(f"Row {number} has no file. Choose one of the LoRA folders, or remove the row.")
    row = MixerRow(**given)
    if row.start > row.end:
        raise ValueError(
            f"Row {number} starts at {row.start:g}, after its end at {row.end:g}, so its slider would work in no step."
        )
    return row


def _fault(key: str, value: Any) -> str:
    """What the value of a key would have to be; "" where it is that."""
    if key in ("file", "name"):
        return "" if isinstance(value, str) else "text"
    if key == "on":
        return "" if isinstance(value, bool) else "true or false"
    low, high = (-STRONGEST, STRONGEST) if key == "strength" else (0.0, 1.0)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return "" if number and low <= value <= high else f"a number from {low:g} to {high:g}"


def called(row: MixerRow) -> str:
    """The name of a row, or that of its file without folder and ending."""
    return row.name or file_label(row.file)


def counter_dosed(rows: Sequence[MixerRow], times: float, effects: str) -> list[tuple[MixerRow, float]]:
    """The rows that are on, at `times` their strength, each with what is added for it to keep the others apart.

    Args:
        effects: text of the sliders' effects on each other; empty: nothing is added.

    Raises:
        CrossEffectsError: for a text that tells none, or a strength that goes too far.
    """
    from ..slider_core.cross_effects import CrossEffectsError, read_cross_effects

    on = [replace(row, strength=row.strength * times) for row in rows if row.on]
    if not effects.strip() or not on:
        return [(row, 0.0) for row in on]
    found = read_cross_effects(effects, list(map(called, on)), list(map(called, rows)))
    wanted = [row.strength for row in on]
    strengths = found.strengths(wanted)
    if max(map(abs, strengths)) > STRONGEST:
        raise CrossEffectsError(
            f"The counter-doses go beyond ±{STRONGEST:g}. Lower the strengths or the effects."
        )
    return [(row, round(s - w, 6) + 0.0) for row, s, w in zip(on, strengths, wanted, strict=True)]
