"""The figures of a strength sweep, as plain functions over numbers.

Everything is measured on pictures of the same prompt and seed at several strengths, without labels. Their
change from strength 0 is split into the part along the slider's own direction on that picture (the effect) and
the rest. The rest holds what leaks into other attributes, and also the bend of a change that goes along no
straight line in the space of pixels (a mouth that opens), so compare it between sliders, not with 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.stats import spearmanr

Array = NDArray[np.float64]

# A step between neighbouring strengths is usable while the effect rises in it by at least SATURATED of the
# rise per strength next to 0, and the whole picture changes by at most EXPLODED times the change next to 0.
SATURATED = 0.05
EXPLODED = 4.0


def changes(pictures: Array, strengths: Sequence[float]) -> Array:
    """The change of each picture [strengths, …] from the one at strength 0.

    Raises:
        ValueError: if 0 is not among the strengths.
    """
    if 0.0 not in strengths:
        raise ValueError("A report needs strength 0 among the strengths, as the reference.")
    given = np.asarray(pictures, dtype=np.float64)
    return given - given[list(strengths).index(0.0)]


def direction(change: Array, weights: Sequence[float] | Array) -> Array:
    """Unit vector [values] along which pictures move: the weighted mean of their own unit directions.

    Each counts alike, so a picture that falls apart at a high strength does not decide it. All 0 if nothing
    changes.
    """
    norms = np.linalg.norm(change, axis=1)
    mean = np.divide(weights, norms, out=np.zeros_like(norms), where=norms > 0) @ change
    norm = np.linalg.norm(mean)
    return mean / norm if norm > 0 else mean


def effect_and_rest(change: Array, strengths: Sequence[float]) -> tuple[Array, Array]:
    """Of each change [strengths, values]: the signed part along the row's direction, and the size of the rest.

    More and less of a concept need not lie on one line (a smile shows teeth, a frown does not), so the rest is
    what lies off both directions, that of the strengths above 0 and that of those below. Both are
    root-mean-square over the values, so that they do not grow with the size of the picture.
    """
    signs = np.sign(strengths)
    more, less = direction(change, np.maximum(signs, 0)), direction(change, np.minimum(signs, 0))
    across = less - (less @ more) * more
    norm = np.linalg.norm(across)
    plane = np.stack([more, across / norm if norm > 1e-9 else np.zeros_like(more)])
    rest = np.linalg.norm(change - change @ plane.T @ plane, axis=1)
    scale = np.sqrt(change.shape[1])
    return change @ direction(change, signs) / scale, rest / scale


def spearman(x: Sequence[float] | Array, y: Sequence[float] | Array) -> float:
    """Rank correlation, ties at their mean rank; 0 if one side is constant, where SciPy has no answer."""
    if min(len(np.unique(x)), len(np.unique(y))) < 2:
        return 0.0
    return float(spearmanr(x, y).statistic)


def symmetry(strengths: Sequence[float], effect: Sequence[float]) -> float | None:
    """Sum of |effect| at +s over that at −s, over the strengths of which both signs are there."""
    at = dict(zip(strengths, effect, strict=True))
    pairs = [s for s in at if s > 0 and -s in at]
    minus = sum(abs(at[-s]) for s in pairs)
    return sum(abs(at[s]) for s in pairs) / minus if minus > 0 else None


def rises(strengths: Sequence[float], effect: Sequence[float] | Array) -> Array:
    """Rise of the effect per strength between neighbouring (sorted) strengths, [strengths − 1]."""
    return np.diff(np.asarray(effect, dtype=np.float64)) / np.diff(np.asarray(strengths, dtype=np.float64))


def evenness(strengths: Sequence[float], effect: Sequence[float]) -> float | None:
    """Largest rise per strength over the mean one; None if the effect does not rise as a whole."""
    steps = rises(strengths, effect)
    mean = steps.mean() if steps.size else 0.0
    return float(np.abs(steps).max() / mean) if mean > 0 else None


def gain_at_half(strengths: Sequence[float], effect: Sequence[float], end: float) -> float | None:
    """Effect of ±end / 2 over half the effect of ±end; 1 is even, more is a slider that comes early.

    Args:
        strengths: sorted; what lies between them is taken from a smooth curve that rises where they do.
    """
    if not end > 0 or len(strengths) < 3:
        return None
    at = PchipInterpolator(strengths, effect)
    low, high = max(-end, strengths[0]), min(end, strengths[-1])
    whole = float(at(high) - at(low))
    return 2 * float(at(high / 2) - at(low / 2)) / whole if whole > 0 else None


def usable_range(
    strengths: Sequence[float],
    effect: Sequence[float],
    rest: Sequence[float],
    spoilt: Sequence[bool] | NDArray[np.bool_] = (),
) -> tuple[float, float]:
    """The interval of sorted strengths around 0 in which each step is usable (see SATURATED and EXPLODED).

    Args:
        spoilt: strengths that are not usable for another reason.
    """
    zero = list(strengths).index(0.0)
    steps = rises(strengths, effect)
    size = np.hypot(effect, rest)
    growth = np.abs(np.diff(size)) / np.diff(np.asarray(strengths, dtype=np.float64))
    beside_zero = slice(max(0, zero - 1), zero + 1)
    rise, change = steps[beside_zero].mean(), growth[beside_zero].mean()
    if not rise > 0:
        return (0.0, 0.0)
    usable = (steps >= SATURATED * rise) & (growth <= EXPLODED * change)
    low = high = zero
    good = np.logical_not(spoilt) if len(spoilt) else np.ones(len(strengths), bool)
    while low > 0 and usable[low - 1] and good[low - 1]:
        low -= 1
    while high < len(steps) and usable[high] and good[high + 1]:
        high += 1
    return (float(strengths[low]), float(strengths[high]))
