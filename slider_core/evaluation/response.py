"""The response curve of a slider from a sweep over raw strengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from torch import Tensor

from ..curve import CURVE, Curve
from ..files.slider import Slider
from .measures import Array, rises
from .report import Report, with_range

POINTS = 8  # of the stored curve, for each unit of strength
FURTHEST = 4.0  # strength that a curve goes up to, on the side that has more to give
SLOW = 0.5  # rise of the effect, over that next to 0, from which on equal steps of it are too unequal raw ones
LEAST_RISE = 1e-6  # of the whole effect, from one strength to the next


def curve_from(
    strengths: Sequence[float], effect: Sequence[float] | Array, usable: tuple[float, float]
) -> Curve | None:
    """The curve on which the effect is proportional to the strength, on each side for itself; None without a range.

    ±1 is the end that is nearer to 0, on both sides: what changes pictures as much is not as much of the concept (a
    smile shows teeth, a frown does not), and equal raw strengths are nearer to that (SLIDERS.md). The other side goes
    on beyond 1, to its own end.

    Args:
        strengths: raw, rising, 0 among them.
        effect: at each of them, rising within the usable range.
        usable: lowest and highest raw strength that can be relied on.
    """
    s, e = np.asarray(strengths, dtype=np.float64), np.asarray(effect, dtype=np.float64)
    inside = (s >= usable[0]) & (s <= usable[1])
    s, e = s[inside], e[inside]
    one = min(-s[0], s[-1]) or max(-s[0], s[-1])
    if one == 0 or (s[0] < 0 and e[0] == 0) or (s[-1] > 0 and e[-1] == 0):
        return None
    rising = _rising(e, int(np.flatnonzero(s == 0)[0]))
    at = PchipInterpolator(s, rising)
    for side, end in ((s < 0, -one), (s > 0, one)):
        rising[side] /= abs(at(end)) if side.any() else 1.0
    asked = _grid(max(float(rising[0]), -FURTHEST), min(float(rising[-1]), FURTHEST))
    raw = np.where(asked < 0, _inverse(rising, s, asked, s <= 0), _inverse(rising, s, asked, s >= 0))
    return Curve(tuple((round(float(a), 6), round(float(r), 6) + 0.0) for a, r in zip(asked, raw, strict=True)))


def _inverse(effect: Array, strengths: Array, asked: Array, side: NDArray[np.bool_]) -> Array:
    """The strengths that have these effects, by what was measured on one side of 0: the two may differ in slope."""
    if side.sum() < 2:
        return np.zeros_like(asked)
    found: Array = PchipInterpolator(effect[side], strengths[side])(asked)
    return found


def _rising(effect: Array, zero: int) -> Array:
    """The effect, made to rise strictly away from strength 0, where noise lets it fall back a little."""
    out = effect - effect[zero]
    for i in range(zero + 1, len(out)):
        out[i] = max(out[i], out[i - 1] + LEAST_RISE)
    for i in range(zero - 1, -1, -1):
        out[i] = min(out[i], out[i + 1] - LEAST_RISE)
    return out


def _grid(low: float, high: float) -> Array:
    """Strengths from `low` to `high` in steps of 1 / POINTS, both ends and 0 among them."""
    inner = np.arange(np.ceil(low * POINTS), np.floor(high * POINTS) + 1) / POINTS
    apart = (inner == 0) | (np.minimum(inner - low, high - inner) > 0.25 / POINTS)
    return np.unique([low, *inner[apart], high])


def curve_of_report(measured: Report, by: Curve | None = None) -> Curve | None:
    """The curve that a sweep has found; None without a usable range.

    ±1 is the end of the usable range, or of the part of it in which the effect rises by at least SLOW of what it does
    next to 0: beyond, pixels go on to change where the concept does not (SLIDERS.md).

    Args:
        by: the curve that the strengths of the sweep went by.
    """
    low, high = measured.usable_range
    if not low < high:
        return None
    raws = [_raw(s, by) for s in measured.strengths]
    rise, zero = rises(raws, measured.way), measured.strengths.index(0.0)
    fast = rise >= SLOW * rise[max(0, zero - 1) : zero + 1].mean()
    first, last = measured.strengths.index(low), measured.strengths.index(high)
    while first < zero and not fast[first:zero].all():
        first += 1
    while last > zero and not fast[zero:last].all():
        last -= 1
    return curve_from(raws, measured.way, (raws[first], raws[last]))


def measured_slider(
    slider: Mapping[str, Tensor], measured: Report, by: Curve | None = None, store: bool = True
) -> Slider:
    """The slider with its usable range and, if asked, its response curve as a sweep has found them.

    Without a range it gets neither. What is not stored anew stays as it was.

    Args:
        by: the curve that the strengths of the sweep went by; the range in the file is of raw strengths.
    """
    low, high = (_raw(s, by) for s in measured.usable_range)
    with_it = with_range(slider, replace(measured, usable_range=(round(low, 6), round(high, 6))))
    return with_curve(with_it, curve_of_report(measured, by)) if store else with_it


def _raw(strength: float, by: Curve | None) -> float:
    return strength if by is None else by.raw(strength)


def with_curve(slider: Mapping[str, Tensor], curve: Curve | None) -> Slider:
    """The slider with this curve in its metadata, or with none."""
    metadata = {key: value for key, value in getattr(slider, "metadata", {}).items() if key != CURVE}
    return Slider(slider, metadata | ({CURVE: curve.as_json()} if curve else {}))
