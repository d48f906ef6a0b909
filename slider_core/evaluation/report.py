"""What a sweep says about a slider: how far, how evenly, how purely, and up to which strength it works."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from torch import Tensor

from ..files.slider import Slider
from .leak import Sides, middle_pixel, others_change, size, triangle_deficit, way
from .measures import (
    Array,
    changes,
    effect_and_rest,
    evenness,
    gain_at_half,
    spearman,
    symmetry,
    usable_range,
)

VERSION = 2
UNSEEN = 1 / 255  # the least change of a picture on a screen: a mean change of less is no effect


@dataclass(frozen=True)
class Report:
    """Figures of a sweep; effect, rest, way and beside are changes in the pictures' unit, means over rows.

    Attributes:
        effect: root-mean-square, along the slider's own direction; below 0 for less of the concept.
        rest: root-mean-square, off that direction.
        way: how far pictures have moved from those at 0, strength by strength (see `leak.way`).
        beside: of the middle pixel, which tells of other attributes than the concept (see `leak`).
        symmetry: effect of +s over effect of −s, at all such pairs together; None without pairs.
        monotonicity: Spearman's rank correlation of effect with strength, mean over rows; 1 is best.
        evenness: largest over mean rise per strength, between neighbours; 1 is best; None if nothing rises.
        gain_at_half: effect of half the usable range over half its effect; 1 is best; None without a range.
        triangle_deficit: of the widest ±s within the usable range, mean over rows; 0 if more and less lie on one line.
        leak: change of the middle pixel over that of the whole picture, at the smallest ±s that can be seen.
        selectivity: effect over the middle pixel's change, over the usable range; None where nothing changes.
        off_direction: rest over effect, over all strengths together; None if there is no effect.
        neutral_leak: change on neutral prompts over change on the others; None without neutral prompts.
        usable_range: lowest and highest strength that can be relied on, [0, 0] if none.
    """

    rows: int
    strengths: tuple[float, ...]
    effect: tuple[float, ...]
    rest: tuple[float, ...]
    way: tuple[float, ...]
    beside: tuple[float, ...]
    symmetry: float | None
    monotonicity: float
    evenness: float | None
    gain_at_half: float | None
    triangle_deficit: float | None
    leak: float | None
    selectivity: float | None
    off_direction: float | None
    neutral_leak: float | None
    usable_range: tuple[float, float]

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `version` tells later readers what the keys mean."""
        return {"version": VERSION, **asdict(self)}

    @property
    def size(self) -> list[float]:
        """Of the whole change at each strength."""
        return [math.hypot(*both) for both in zip(self.effect, self.rest, strict=True)]

    @property
    def does_nothing(self) -> bool:
        """Whether nobody could see what changes, at any strength."""
        return max(self.size) < UNSEEN

    @property
    def others_change(self) -> list[bool]:
        """Whether more than the concept is changed, at each strength."""
        return [bool(yes) for yes in others_change(np.array(self.beside), np.array(self.size), self.leak)]


def report(strengths: Sequence[float], pictures: Sequence[Array], neutral: Sequence[Array] = ()) -> Report:
    """The report on a sweep.

    Args:
        strengths: in any order, 0 among them.
        pictures: for each row (a prompt and a seed) its pictures [strengths, …] in this order; of […, C, H, W] a pixel
            is the channels together, else each number is one.
        neutral: the same for the rows of neutral prompts.

    Raises:
        ValueError: if 0 is not among the strengths, or there are no others.
    """
    if 0.0 not in strengths or len(strengths) < 2:
        raise ValueError("A report needs strength 0 and at least one other.")
    order = np.argsort(strengths)
    ordered = [float(strengths[i]) for i in order]
    moved = [changes(np.asarray(row)[order], ordered) for row in pictures]
    effects, rests = (
        np.stack(part) for part in zip(*(effect_and_rest(_flat(c), ordered) for c in moved), strict=True)
    )
    effect, rest, beside = (
        part.mean(axis=0) for part in (effects, rests, np.stack(list(map(middle_pixel, moved))))
    )
    whole, leak = np.hypot(effect, rest), Sides.of(ordered, moved).leak(UNSEEN)
    low, high = (0.0, 0.0)
    if whole.max() >= UNSEEN:
        low, high = usable_range(ordered, effect, rest, others_change(beside, whole, leak))
    within = [low <= s <= high and s != 0 for s in ordered] if high > low else [s != 0 for s in ordered]
    return Report(
        rows=len(effects),
        strengths=tuple(ordered),
        effect=tuple(effect.tolist()),
        rest=tuple(rest.tolist()),
        way=tuple(np.mean([way(change, ordered, leak) for change in moved], axis=0).tolist()),
        beside=tuple(beside.tolist()),
        symmetry=symmetry(ordered, effect),
        monotonicity=float(np.mean([spearman(ordered, row) for row in effects])),
        evenness=evenness(ordered, effect),
        gain_at_half=gain_at_half(ordered, effect, min(-low, high) or max(-low, high)),
        triangle_deficit=_triangle(ordered, moved, within),
        leak=leak,
        selectivity=_ratio(float(np.abs(effect[within]).sum()), float(beside[within].sum())),
        off_direction=_ratio(float(rest.sum()), float(np.abs(effect).sum())),
        neutral_leak=_neutral_leak(ordered, moved, [np.asarray(row)[order] for row in neutral]),
        usable_range=(low, high),
    )


def _flat(change: Array) -> Array:
    return change.reshape(len(change), -1)


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def _triangle(strengths: Sequence[float], moved: Sequence[Array], within: Sequence[bool]) -> float | None:
    """At the widest ±s of which both are within the range."""
    inside = {s: i for i, s in enumerate(strengths) if within[i]}
    both = [s for s in inside if -s in inside]
    if not both:
        return None
    more, less = inside[max(both)], inside[-max(both)]
    return float(np.mean([triangle_deficit(change[more], change[less]) for change in moved]))


def _neutral_leak(strengths: Sequence[float], moved: Sequence[Array], neutral: Sequence[Array]) -> float | None:
    if not neutral:
        return None
    return _ratio(_mean_size([changes(row, strengths) for row in neutral]), _mean_size(moved))


def _mean_size(moved: Sequence[Array]) -> float:
    return float(np.mean([size(change).mean() for change in moved]))


def with_range(slider: Mapping[str, Tensor], measured: Report) -> Slider:
    """The slider with the measured range in its metadata, as JSON `[lowest, highest]`; none if it does nothing."""
    metadata = getattr(slider, "metadata", {})
    if measured.does_nothing:
        return Slider(slider, {key: value for key, value in metadata.items() if key != "usable_range"})
    return Slider(slider, {**metadata, "usable_range": json.dumps(list(measured.usable_range))})
