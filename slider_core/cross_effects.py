"""How far sliders move each other's concepts, and the strengths with which each moves its own alone.

At strengths x, the concepts move by E x: E[a][b] is what slider b does to concept a at strength 1, over what a's own
slider does there, so E has 1 on its diagonal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .given import number, quoted

RIDGE = 0.01  # weight of staying at the strengths asked for: two sliders of one concept get no huge strengths
EXAMPLE = "smile: eyes 0.14, age -0.05"


class CrossEffectsError(ValueError):
    """The text tells no effects, or of sliders that are not there."""


@dataclass(frozen=True)
class CrossEffects:
    """Effects of sliders on each other's concepts.

    Attributes:
        names: of the sliders, and so of the concepts.
        effects: [concept][slider].
    """

    names: tuple[str, ...]
    effects: tuple[tuple[float, ...], ...]

    def strengths(self, wanted: Sequence[float]) -> list[float]:
        """The strength of each slider with which each concept moves by what is wanted, and no other."""
        effects, want = np.array(self.effects), np.array(wanted, dtype=np.float64)
        normal = effects.T @ effects + RIDGE * np.eye(len(want))
        found: list[float] = (want + np.linalg.solve(normal, effects.T @ (want - effects @ want))).tolist()
        return found

    def as_text(self) -> str:
        """As `read_cross_effects` takes it."""
        columns = zip(self.names, zip(*self.effects, strict=True), strict=True)
        lines = []
        for slider, column in columns:
            others = [f"{n} {e:.3g}" for n, e in zip(self.names, column, strict=True) if n != slider and e]
            lines += [f"{slider}: {', '.join(others)}"] if others else []
        return "\n".join(lines)


def read_cross_effects(text: str, names: Sequence[str], known: Sequence[str] = ()) -> CrossEffects:
    """The effects that lines such as `smile: eyes 0.14, age -0.05` tell: at 1, the slider smile also moves the eyes by
    0.14 of what the slider eyes does at 1.

    Args:
        names: of the sliders that are used.
        known: of others that lines may name, whose effects are left out.

    Raises:
        CrossEffectsError: naming the line at fault.
    """
    if len(set(names)) < len(names):
        twice = next(name for name in names if list(names).count(name) > 1)
        raise CrossEffectsError(f"Two sliders are called {quoted(twice)}. Give each a name of its own.")
    effects = np.eye(len(names))
    for line in filter(None, map(str.strip, text.splitlines())):
        slider, others = _line(line)
        for name in (slider, *others):
            if name not in (*names, *known):
                raise CrossEffectsError(
                    f"No slider is called {quoted(name)}, as {quoted(line)} says. There are {', '.join(names)}."
                )
        for name, effect in others.items():
            if name == slider:
                raise CrossEffectsError(f"{quoted(line)} names its own slider. Say what it does to others.")
            if name in names and slider in names:
                effects[names.index(name), names.index(slider)] = effect
    return CrossEffects(tuple(names), tuple(map(tuple, effects.tolist())))


def _line(line: str) -> tuple[str, dict[str, float]]:
    slider, colon, rest = line.partition(":")
    others = {}
    for part in filter(None, map(str.strip, rest.split(","))):
        name, _, text = part.rpartition(" ")
        effect = number(text)
        if not name.strip() or effect is None or not abs(effect) <= 1:
            raise CrossEffectsError(
                f"{quoted(part)} is no effect. Write a name and a number from −1 to 1: {EXAMPLE}"
            )
        others[name.strip()] = effect
    if not colon or not slider.strip() or not others:
        raise CrossEffectsError(f"{quoted(line)} tells no effects. Write them like: {EXAMPLE}")
    return slider.strip(), others


def from_scores(
    names: Sequence[str], at_one: Sequence[Sequence[float]], at_minus_one: Sequence[Sequence[float]]
) -> CrossEffects:
    """The effects of sliders whose concepts have been scored.

    Args:
        at_one: for each slider, the score of each concept with it at strength 1; `at_minus_one` for strength −1.

    Raises:
        CrossEffectsError: if a slider does not move its own concept up.
    """
    change = (np.array(at_one, dtype=np.float64) - np.array(at_minus_one)).T  # [concept][slider]
    own = np.diag(change)
    for name, moved in zip(names, own, strict=True):
        if not moved > 0:
            raise CrossEffectsError(f"{quoted(name)} does not move its own concept up from −1 to 1.")
    return CrossEffects(tuple(names), tuple(map(tuple, (change / own[:, None]).tolist())))
