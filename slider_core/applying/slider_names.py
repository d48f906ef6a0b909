"""Whether the sliders that prompts name are there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..given import quoted
from ..strength import ANY, STRENGTH_KEY, StrengthError
from .applied import AppliedSlider


def check_names(entries: Iterable[Mapping[str, Any]], on_model: Iterable[AppliedSlider]) -> None:
    """Raises StrengthError if a conditioning has a strength for a slider that neither model nor ControlNet has."""
    of_model = {slider.name for slider in on_model}
    for entry in entries:
        given = entry.get(STRENGTH_KEY)
        wanted = set(given) - {ANY} if isinstance(given, Mapping) else set()
        known = of_model | {slider.name for slider in _on_control(entry.get("control"))}
        for name in sorted(wanted - known):
            raise StrengthError(
                f"A prompt has a strength for the slider {quoted(name)}. {_instead(known - {''})}"
            )


def _instead(names: set[str]) -> str:
    if not names:
        return "No slider here has a name: give it this one under name in Apply Slider (an advanced input)."
    return f"Those applied here are called {', '.join(map(quoted, sorted(names)))}: give one of these names."


def _on_control(control: Any) -> Iterator[AppliedSlider]:
    """The sliders of a ControlNet and of those before it."""
    while control is not None:
        yield from (by_row.slider for by_row in getattr(control, "sliders", ()))
        control = getattr(control, "previous_controlnet", None)
