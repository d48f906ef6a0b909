"""A slider's response curve: which raw strength makes an effect that grows evenly with the strength asked for.

At strength ±1 the slider has the effect of the ends of its usable range, at ±0.5 half of it, and so on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from .given import STRONGEST, parsed_json

CURVE = "response_curve"  # metadata: JSON, list of [strength, raw strength]
FEWEST, MOST = 2, 129  # points of a curve


class CurveError(ValueError):
    """Points that are no response curve."""


@dataclass(frozen=True)
class Curve:
    """Raw strengths for strengths, linear between the points and proportional beyond them.

    Attributes:
        points: (strength, raw strength), both rising, (0, 0) among them. A side without points mirrors the other.

    Raises:
        CurveError: for other points.
    """

    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if not FEWEST <= len(self.points) <= MOST:
            raise CurveError(f"A response curve has {FEWEST} to {MOST} points; these are {len(self.points)}.")
        if (0.0, 0.0) not in self.points:
            raise CurveError("A response curve goes through (0, 0).")
        if not all(abs(number) <= STRONGEST for point in self.points for number in point):  # nor NaN
            raise CurveError(f"A response curve stays within ±{STRONGEST:g}.")
        if not all(a < c and b < d for (a, b), (c, d) in pairwise(self.points)):
            raise CurveError("A response curve rises: each strength and raw strength is above the one before.")

    def raw(self, strength: float) -> float:
        """The raw strength, the factor on the adapters' own output, that `strength` asks for."""
        return _between(strength, *zip(*self._both_sides(), strict=True))

    def asked(self, raw: float) -> float:
        """The strength that a raw strength answers."""
        strengths, raws = zip(*self._both_sides(), strict=True)
        return _between(raw, raws, strengths)

    def range_of(self, usable: tuple[float, float] | None) -> tuple[float, float] | None:
        """A range of raw strengths as one of strengths, to two places, within it."""
        return usable and (
            math.ceil(100 * self.asked(usable[0])) / 100,
            math.floor(100 * self.asked(usable[1])) / 100,
        )

    def _both_sides(self) -> tuple[tuple[float, float], ...]:
        if self.points[0][0] < 0 < self.points[-1][0]:
            return self.points
        mirrored = tuple((-strength, -raw) for strength, raw in reversed(self.points))
        return (*mirrored[:-1], *self.points) if mirrored[0][0] < 0 else (*self.points[:-1], *mirrored)

    def scaled(self, factor: float) -> Curve:
        """The curve of the same slider with `factor` times as strong adapters."""
        return Curve(tuple((strength, raw / factor) for strength, raw in self.points))

    def as_json(self) -> str:
        return json.dumps(self.points)


def _between(x: float, xs: Sequence[float], ys: Sequence[float]) -> float:
    """Linear between points on both sides of (0, 0), and in proportion beyond them."""
    end = -1 if x > 0 else 0
    return float(x * ys[end] / xs[end] if abs(x) > abs(xs[end]) else np.interp(x, xs, ys))


def read_curve(text: str) -> Curve:
    """The curve that metadata tells.

    Raises:
        CurveError: if it is none.
    """
    try:
        points = tuple((float(strength), float(raw)) for strength, raw in parsed_json(text, "The curve"))
    except (ValueError, TypeError, OverflowError) as error:
        raise CurveError("A response curve is a list of [strength, raw strength].") from error
    return Curve(points)


def curve_of(slider: Any) -> Curve | None:
    """The curve in a slider's metadata; None if it has none, or one that cannot be read."""
    metadata: Mapping[str, str] = getattr(slider, "metadata", {})
    try:
        return read_curve(metadata[CURVE]) if CURVE in metadata else None
    except CurveError:
        return None
