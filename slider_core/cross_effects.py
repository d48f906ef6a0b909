"""How sliders disturb each other, and the counter-doses with which each moves its own concept alone.

Applied at strengths x, N sliders move concept a by Σ_j E[a][j] x_j, with one matrix E for strengths above 0 and one
for those below, as a slider may leak another thing on each side. In units of each concept's own slider at ±1, E has 1
on its diagonal. `strengths` finds the x that moves the concepts by what is wanted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .given import parsed_json

Array = NDArray[np.float64]

ROUNDS = 50  # the solver needs as many as strengths change their sign on the way
MOST = 64  # sliders
STRONGEST_LEAK = 0.9  # of one slider into another's concept, over its own effect


class CrossEffectsError(ValueError):
    """These are no cross-effects that counter-doses could be made for."""


@dataclass(frozen=True)
class CrossEffects:
    """What each slider does to each concept.

    Attributes:
        names: of the sliders, and so of the concepts.
        above, below: [concept][slider], the change of the concept per strength of the slider, above and below 0, over
            the change per strength that the concept's own slider makes.

    Raises:
        CrossEffectsError: if a matrix has another size, numbers that are not finite, or leaks as large as effects.
    """

    names: tuple[str, ...]
    above: tuple[tuple[float, ...], ...]
    below: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        size = len(self.names)
        if not 1 <= size <= MOST or len(set(self.names)) != size:
            raise CrossEffectsError(f"Cross-effects are of 1 to {MOST} sliders with names of their own.")
        for matrix in (self.above, self.below):
            if len(matrix) != size or any(len(line) != size for line in matrix):
                raise CrossEffectsError(f"Cross-effects of {size} sliders are {size} × {size} numbers.")
            off = np.abs(np.array(matrix) - np.eye(size))
            if not np.isfinite(off).all():
                raise CrossEffectsError("Cross-effects are finite numbers.")
            if off.max() > STRONGEST_LEAK:
                i, j = np.unravel_index(off.argmax(), off.shape)
                raise CrossEffectsError(
                    f"{self.names[j]!r} changes {self.names[i]!r} nearly as much as {self.names[i]!r} itself does, so "
                    "the two cannot be told apart. Mix only one of them."
                )

    def effects(self, strengths: Sequence[float]) -> list[float]:
        """How far each concept moves, 1 being what its own slider does at strength 1."""
        moved: Array = self._at(np.array(strengths, dtype=np.float64)) @ np.array(strengths)
        return [float(value) for value in moved]

    def strengths(self, wanted: Sequence[float]) -> list[float]:
        """The strength of each slider with which each concept moves by what is wanted, and no other."""
        want = np.array(wanted, dtype=np.float64)
        if want.shape != (len(self.names),) or not np.isfinite(want).all():
            raise CrossEffectsError(f"{len(self.names)} finite numbers are wanted, one a slider.")
        x = want
        for _ in range(ROUNDS):
            new = np.linalg.solve(self._at(x), want)
            if np.array_equal(new > 0, x > 0):
                break
            x = (x + new) / 2
        return [float(value) for value in new]

    def _at(self, x: Array) -> Array:
        """The matrix with each slider's column for the side that its strength is on."""
        matrix: Array = np.where(x > 0, np.array(self.above), np.array(self.below))
        return matrix

    def picked(self, names: Sequence[str]) -> CrossEffects:
        """Of some of the sliders, in this order.

        Raises:
            CrossEffectsError: for a name that is not there.
        """
        missing = [name for name in names if name not in self.names]
        if missing:
            raise CrossEffectsError(f"The cross-effects of {missing[0]!r} have not been measured.")
        at = [self.names.index(name) for name in names]
        above, below = (tuple(tuple(m[i][j] for j in at) for i in at) for m in (self.above, self.below))
        return CrossEffects(tuple(names), above, below)

    def as_json(self) -> str:
        return json.dumps({"names": self.names, "above": self.above, "below": self.below}, ensure_ascii=False)

    def as_text(self) -> str:
        """A table: what each slider (line) does to each concept (column) at strength 1 and −1."""
        width = max(8, *(len(name) for name in self.names))
        lines = ["slider".ljust(width) + "".join(f"  {name:>{width}}" for name in self.names)]
        for j, name in enumerate(self.names):
            cells = [f"{self.above[i][j]:+.2f}/{-self.below[i][j]:+.2f}" for i in range(len(self.names))]
            lines.append(name.ljust(width) + "".join(f"  {cell:>{width}}" for cell in cells))
        return "\n".join(lines)


def read_cross_effects(text: str) -> CrossEffects:
    """The cross-effects that JSON tells.

    Raises:
        CrossEffectsError: if it tells none.
    """
    given: Any = parsed_json(text, "The cross-effects", CrossEffectsError)
    try:
        above, below = (
            tuple(tuple(float(value) for value in line) for line in given[side]) for side in ("above", "below")
        )
        names = tuple(str(name) for name in given["names"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise CrossEffectsError("Cross-effects have names, above and below: two square tables.") from error
    return CrossEffects(names, above, below)


def from_scores(
    names: Sequence[str], at_one: Mapping[str, Sequence[float]], at_minus_one: Mapping[str, Sequence[float]]
) -> CrossEffects:
    """The cross-effects of sliders whose concepts can be scored.

    Args:
        at_one: for each slider at strength 1, the change of each concept's score from strength 0, in the order of
            `names`; `at_minus_one` for strength −1.

    Raises:
        CrossEffectsError: if a slider does not move its own concept up at 1 and down at −1.
    """
    above = np.array([at_one[name] for name in names], dtype=np.float64).T
    below = -np.array([at_minus_one[name] for name in names], dtype=np.float64).T
    own = (np.diag(above) + np.diag(below)) / 2
    for name, up, down in zip(names, np.diag(above), np.diag(below), strict=True):
        if not min(up, down) > 0:
            raise CrossEffectsError(
                f"{name!r} does not move its own concept both ways, so others cannot be compared."
            )
    return CrossEffects(
        tuple(names),
        tuple(map(tuple, (above / own[:, None]).tolist())),
        tuple(map(tuple, (below / own[:, None]).tolist())),
    )
