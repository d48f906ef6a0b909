"""One object of a file of SimpleTuner's: its values, read with care, and what became of each of its keys."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ...given import checked_text, quoted

YES, NO = ("true", "1", "yes", "on"), ("false", "0", "no", "off", "")


class DatasetError(ValueError):
    """A file of SimpleTuner's cannot be used; the message names the entry and the key, and the way out."""


class Entry:
    """The keys of an object.

    Attributes:
        name: what messages call it.
        said: what became of each key that was looked at, in sentences without an end.
    """

    def __init__(self, raw: Mapping[str, Any], name: str):
        self.raw, self.name = raw, name
        self.said: dict[str, str] = {}

    def say(self, key: str, became: str) -> None:
        if key in self.raw:
            self.said[key] = became

    def fault(self, key: str, way_out: str) -> DatasetError:
        """What is wrong with the value of a key, and what to do."""
        return DatasetError(f"{self.name}: {key} is {quoted(self.raw.get(key))}. {way_out}")

    def has(self, key: str) -> bool:
        """Whether the key has a value; null and "" are none."""
        return self.raw.get(key) not in (None, "")

    def number(self, key: str, default: float, low: float = -math.inf, whole: bool = False) -> float:
        """A number, also one in quotes."""
        if not self.has(key):
            return default
        value = self.raw[key]
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not (math.isfinite(number) and number >= low) or (whole and number != int(number)):
            least = "" if low == -math.inf else f" of {low:g} or more"
            raise self.fault(key, f"Write {'a whole' if whole else 'a'} number{least}.")
        return number

    def switch(self, key: str, default: bool = False) -> bool:
        """true or false, also in quotes."""
        value = self.raw.get(key)
        if value is None:
            return default
        text = str(value).strip().lower()
        if text not in (*YES, *NO):
            raise self.fault(key, "Write true or false.")
        return text in YES

    def text(self, key: str, default: str = "") -> str:
        value = self.raw.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.fault(key, "Write text in quotes.")
        return checked_text(value, f"{self.name}: {key}", DatasetError)

    def texts(self, key: str) -> tuple[str, ...]:
        """Text, or a list of texts; empty ones are left out."""
        value = self.raw.get(key)
        values = [value] if isinstance(value, str) else value
        if value is None:
            return ()
        if not isinstance(values, Sequence) or not all(isinstance(one, str) for one in values):
            raise self.fault(key, "Write text in quotes, or a list of texts.")
        return tuple(
            checked_text(one.strip(), f"{self.name}: {key}", DatasetError) for one in values if one.strip()
        )

    def choice(self, key: str, default: str, known: Sequence[str], way_out: str = "") -> str:
        value = self.text(key, default) or default
        if value not in known:
            raise self.fault(key, way_out or f"Here it can be {', '.join(known)}.")
        return value
