"""What changes beside the concept, told from pixels alone.

A concept changes a part of the picture; what leaks into other attributes changes the rest as well. So the middle
pixel, than which one half of the picture changes more and the other half less, tells of the leak: with the sliders
of `benchmarks/response.py` on the demo's faces, its change ranks strengths as the true change of all other attributes
does (SLIDERS.md). It cannot tell where the concept itself is the whole picture, such as a style or the light.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .measures import Array

LEAKY = 0.01  # change of the middle pixel, of the range of a picture, from which on others are changed …
PART = 0.15  # … if it is also more than this part of the whole change
BESIDE = 2.0  # times the middle pixel's change
WHOLE = 0.5  # leak from which on the concept is taken for one of the whole picture


def pixels(change: Array) -> Array:
    """Size of the change of each pixel, [pictures, pixels].

    Args:
        change: [pictures, …, C, H, W], or numbers that are a pixel each.
    """
    of_each = np.sqrt((change**2).mean(axis=-3)) if change.ndim > 3 else np.abs(change)
    return of_each.reshape(len(change), -1)


def middle_pixel(change: Array) -> Array:
    """Change of the middle pixel of each of several pictures, [pictures]."""
    return np.asarray(np.median(pixels(change), axis=1))


def way(change: Array, strengths: Sequence[float], leak: float | None) -> Array:
    """How far a picture has moved on the way from strength 0, below 0 for strengths below, [strengths].

    It adds up the steps between neighbouring strengths. A thing that moves changes a picture no more once it has left
    its place, yet goes on; so the way tells the concept better than the change from strength 0 does (SLIDERS.md). Of
    each step, what pixels change by up to BESIDE times the middle one is left out, unless the whole picture changes.

    Args:
        change: [strengths, …] from strength 0, the strengths rising.
    """
    steps = pixels(np.diff(change, axis=0))
    beside = 0.0 if leak is not None and leak >= WHOLE else BESIDE
    beyond = np.maximum(steps - beside * np.median(steps, axis=1, keepdims=True), 0)
    gone = np.concatenate([[0.0], np.cumsum(np.sqrt((beyond**2).mean(axis=1)))])
    return np.asarray(gone - gone[list(strengths).index(0.0)])


def size(change: Array) -> Array:
    """Root-mean-square change of each of several pictures, [pictures]."""
    return np.asarray(np.sqrt((change.reshape(len(change), -1) ** 2).mean(axis=1)))


@dataclass(frozen=True)
class Sides:
    """The change that strengths ±s make, the part that turns its sign with them, of several rows.

    Attributes:
        at: each s, rising; a strength without its opposite counts alone.
        middle: of the middle pixel, [rows, at].
        size: of the whole picture, [rows, at].
    """

    at: tuple[float, ...]
    middle: Array
    size: Array

    @classmethod
    def of(cls, strengths: Sequence[float], rows: Sequence[Array]) -> Sides:
        """Of changes [strengths, …] from strength 0, in any order of the strengths."""
        place = {s: i for i, s in enumerate(strengths)}
        at = sorted({abs(s) for s in strengths if s})
        odd = [np.stack([_odd(row, place, s) for s in at]) for row in rows]
        return cls(tuple(at), np.stack(list(map(middle_pixel, odd))), np.stack(list(map(size, odd))))

    def leak(self, seen: float) -> float | None:
        """Change of the middle pixel over that of the whole, where the change is first `seen`; None if it never is."""
        visible = np.flatnonzero(self.size.mean(axis=0) >= seen)
        if not visible.size:
            return None
        first = visible[0]
        return float((self.middle[:, first] / np.maximum(self.size[:, first], 1e-12)).mean())


def _odd(change: Array, place: dict[float, int], s: float) -> Array:
    both = [sign * change[place[sign * s]] for sign in (1, -1) if sign * s in place]
    return np.asarray(np.mean(both, axis=0))


def others_change(beside: Array, whole: Array, leak: float | None) -> NDArray[np.bool_]:
    """At which strengths others than the concept are changed, by the middle pixel and the whole: booleans."""
    local = leak is None or leak < WHOLE
    return np.asarray(local & (beside > np.maximum(LEAKY, PART * whole)))


def triangle_deficit(more: Array, less: Array) -> float:
    """How far two opposite changes are from lying on one line: 0 if they do, 1 if both are the same.

    The way from the one picture to the other, over the ways of both to the one between them, taken from 1.
    """
    apart, sides = np.linalg.norm(more - less), np.linalg.norm(more) + np.linalg.norm(less)
    return float(1 - apart / sides) if sides > 0 else 0.0
