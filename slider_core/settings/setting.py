"""What a setting is: its default, the values it can have, and what it is for; each stated once.

Nodes make their widgets of it (`nodes/widgets.py`), config files take their keys from it (`slider_core/config`), and
every object of a `Settings` class is checked when it is made, wherever its values come from.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any, ClassVar

from ..given import checked_text, quoted

MOST_NAMED = 20  # choices that an error lists
HIGHEST_SEED = 2**64 - 1


class SettingsError(ValueError):
    """Settings have values that they cannot have; a line for each."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is known of a setting beside its name and its default.

    Attributes:
        help: what it does, as nodes show it.
        advanced: most users leave it as it is.
    """

    help: str = ""
    advanced: bool = False

    def fault(self, value: Any) -> str:
        """What is wrong with a value, as the second half of a sentence; empty if it is allowed."""
        raise NotImplementedError


@dataclass(frozen=True)
class Whole(Setting):
    """A whole number.

    Attributes:
        step: what a widget's arrows add.
        drawn: it is a seed, so widgets can draw a new one for each run.
    """

    low: int
    high: int
    step: int = 1
    drawn: bool = False

    def fault(self, value: Any) -> str:
        whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        if whole and self.low <= value <= self.high:
            return ""
        return f"it must be a whole number from {self.low} to {self.high}."


@dataclass(frozen=True)
class Real(Setting):
    """A finite number.

    Attributes:
        step: what a widget's arrows add.
        rounded: what a widget rounds to; 0 for the step.
    """

    low: float
    high: float
    step: float
    rounded: float = 0.0

    def fault(self, value: Any) -> str:
        real = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if real and self.low <= value <= self.high:  # NaN is in no range
            return ""
        return f"it must be a finite number from {self.low:g} to {self.high:g}."


@dataclass(frozen=True)
class Choice(Setting):
    """One of several texts; `source` has them, or gives them where another program decides."""

    source: Sequence[str] | Callable[[], Sequence[str]]

    @property
    def options(self) -> list[str]:
        return list(self.source() if callable(self.source) else self.source)

    def fault(self, value: Any) -> str:
        return "" if isinstance(value, str) and value in self.options else nearest(value, self.options)


@dataclass(frozen=True)
class Switch(Setting):
    """True or false."""

    def fault(self, value: Any) -> str:
        return "" if isinstance(value, bool) else "it must be true or false."


@dataclass(frozen=True)
class Text(Setting):
    """Any text.

    Attributes:
        structured: it holds names or JSON, so that a config file may write it as a list or a table.
    """

    multiline: bool = False
    structured: bool = False

    def fault(self, value: Any) -> str:
        if not isinstance(value, str):
            return "it must be text."
        try:
            checked_text(value, "it")
        except ValueError:
            return "it has a character (NUL, or half of a pair) that is no text. Write it again."
        return ""


def nearest(given: Any, known: Iterable[str]) -> str:
    """What to choose instead of a name that is not known: the one nearest to it, and all of them."""
    names = list(known)
    alike = {name.lower(): name for name in names}
    close = get_close_matches(given[:100].lower(), alike, n=1) if isinstance(given, str) else []
    more = " …" if len(names) > MOST_NAMED else ""
    hint = f"did you mean {alike[close[0]]!r}? " if close else ""
    return f"{hint}choose one of {', '.join(names[:MOST_NAMED])}{more}."


KEY = "setting"  # in the metadata of a dataclass field


def whole(default: int, low: int, high: int, help: str, advanced: bool = False, step: int = 1) -> Any:
    """A field with a whole number."""
    return field(default=default, metadata={KEY: Whole(low, high, step, help=help, advanced=advanced)})


def seed(help: str) -> Any:
    """A field with the seed of random numbers."""
    return field(default=0, metadata={KEY: Whole(0, HIGHEST_SEED, drawn=True, help=help)})


def real(
    default: float,
    low: float,
    high: float,
    step: float,
    help: str,
    advanced: bool = False,
    rounded: float = 0.0,
) -> Any:
    """A field with a number."""
    return field(default=default, metadata={KEY: Real(low, high, step, rounded, help=help, advanced=advanced)})


def choice(
    default: str, options: Sequence[str] | Callable[[], Sequence[str]], help: str, advanced: bool = False
) -> Any:
    """A field with one of several texts."""
    return field(default=default, metadata={KEY: Choice(options, help=help, advanced=advanced)})


def switch(default: bool, help: str, advanced: bool = False) -> Any:
    """A field that is true or false."""
    return field(default=default, metadata={KEY: Switch(help=help, advanced=advanced)})


def text(
    default: str, help: str, advanced: bool = False, multiline: bool = False, structured: bool = False
) -> Any:
    """A field with text."""
    return field(default=default, metadata={KEY: Text(multiline, structured, help=help, advanced=advanced)})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A frozen dataclass whose fields are settings (others are left to the class itself).

    Attributes:
        ERROR: what is raised for values that a setting cannot have.
    """

    ERROR: ClassVar[type[SettingsError]] = SettingsError

    def __post_init__(self) -> None:
        found = faults(type(self), {name: getattr(self, name) for name in settings_of(type(self))})
        if found:
            raise self.ERROR("\n".join(found))


def settings_of(kind: type[Settings]) -> dict[str, Setting]:
    """The settings of a class by name, in their order."""
    return {f.name: f.metadata[KEY] for f in fields(kind) if KEY in f.metadata}


def default_of(kind: type[Settings], name: str) -> Any:
    """What a setting is where nothing is said."""
    return next(f.default for f in fields(kind) if f.name == name)


def faults(kind: type[Settings], values: Mapping[str, Any]) -> list[str]:
    """What is wrong with each of these values, in sentences."""
    known = settings_of(kind)
    found = ((name, value, known[name].fault(value)) for name, value in values.items())
    return [f"{name} is {quoted(value)}; {fault}" for name, value, fault in found if fault]
