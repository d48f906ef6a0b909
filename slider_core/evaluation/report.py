"""What a sweep says about a slider: how far, how evenly, how purely, and up to which strength it works."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from torch import Tensor

from ..files.slider import Slider
from ..given import counted
from .measures import Array, changes, effect_and_rest, evenness, spearman, symmetry, usable_range

VERSION = 1
UNSEEN = 1 / 255  # the least change of a picture on a screen: a mean change of less is no effect


@dataclass(frozen=True)
class Report:
    """Figures of a sweep; effect and rest are root-mean-square changes in the pictures' unit, means over rows.

    Attributes:
        symmetry: effect of +s over effect of −s, at all such pairs together; None without pairs.
        monotonicity: Spearman's rank correlation of effect with strength, mean over rows; 1 is best.
        evenness: largest over mean rise per strength, between neighbours; 1 is best; None if nothing rises.
        leak: rest over effect, over all strengths together; None if there is no effect.
        neutral_leak: change on neutral prompts over change on the others; None without neutral prompts.
        usable_range: lowest and highest strength that can be relied on, [0, 0] if none.
    """

    rows: int
    strengths: tuple[float, ...]
    effect: tuple[float, ...]
    rest: tuple[float, ...]
    symmetry: float | None
    monotonicity: float
    evenness: float | None
    leak: float | None
    neutral_leak: float | None
    usable_range: tuple[float, float]

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `version` tells later readers what the keys mean."""
        return {"version": VERSION, **asdict(self)}

    @property
    def does_nothing(self) -> bool:
        """Whether nobody could see what changes, at any strength."""
        return max(np.hypot(self.effect, self.rest)) < UNSEEN

    def as_text(self) -> str:
        """The report as lines to read on a node; changes in percent of the pictures' range."""
        if self.does_nothing:
            most = 100 * max(np.hypot(self.effect, self.rest))
            return f"This slider changes almost nothing ({most:.2f} % at most): train longer or raise the rate."
        low, high = self.usable_range
        symmetric = min(-low, high)
        lines = [
            f"Usable range {low:.3g} to {high:.3g} (±{symmetric:.3g})" if high > low else "No usable range",
            f"Monotonicity {self.monotonicity:.2f} (Spearman, 1 is best; {counted(self.rows, 'row')})",
            f"Symmetry {_figure(self.symmetry)} (effect of + over effect of −)",
            f"Evenness {_figure(self.evenness)} (largest step over mean step, 1 is best)",
            f"Off direction {_figure(self.leak)} (change beside the effect, over the effect)",
        ]
        if self.neutral_leak is not None:
            lines.append(f"Neutral prompts {self.neutral_leak:.2f} (their change, over that of the others)")
        lines += ["", "strength  effect %  off direction %"]
        rows = zip(self.strengths, self.effect, self.rest, strict=True)
        return "\n".join(
            lines + [f"{s:8.3g} {100 * effect:9.2f} {100 * rest:16.2f}" for s, effect, rest in rows]
        )


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def from_scores(
    strengths: Sequence[float], effects: Array, rests: Array, neutral_leak: float | None = None
) -> Report:
    """The report on measured effects and rests [rows, strengths], however they were measured.

    Raises:
        ValueError: if 0 is not among the strengths, or there are no others.
    """
    if 0.0 not in strengths or len(strengths) < 2:
        raise ValueError("A report needs strength 0 and at least one other.")
    order = np.argsort(strengths)
    ordered = [float(strengths[i]) for i in order]
    effects, rests = np.asarray(effects)[:, order], np.asarray(rests)[:, order]
    effect, rest = effects.mean(axis=0).tolist(), rests.mean(axis=0).tolist()
    whole = float(np.abs(effect).sum())
    return Report(
        rows=len(effects),
        strengths=tuple(ordered),
        effect=tuple(effect),
        rest=tuple(rest),
        symmetry=symmetry(ordered, effect),
        monotonicity=float(np.mean([spearman(ordered, row) for row in effects])),
        evenness=evenness(ordered, effect),
        leak=sum(rest) / whole if whole > 0 else None,
        neutral_leak=neutral_leak,
        usable_range=usable_range(ordered, effect, rest)
        if max(np.hypot(effect, rest)) >= UNSEEN
        else (0.0, 0.0),
    )


def report(strengths: Sequence[float], pictures: Sequence[Array], neutral: Sequence[Array] = ()) -> Report:
    """The report on a sweep.

    Args:
        strengths: in any order, 0 among them.
        pictures: for each row (a prompt and a seed) its pictures [strengths, …] in this order.
        neutral: the same for the rows of neutral prompts.
    """
    moved = [changes(row, strengths) for row in pictures]
    split = [effect_and_rest(change, strengths) for change in moved]
    leak = None
    if len(neutral):
        size = _mean_size(moved)
        leak = _mean_size([changes(row, strengths) for row in neutral]) / size if size > 0 else None
    effects, rests = (np.stack(part) for part in zip(*split, strict=True))
    return from_scores(strengths, effects, rests, leak)


def _mean_size(moved: Sequence[Array]) -> float:
    return float(np.mean([np.sqrt((change**2).mean(axis=1)).mean() for change in moved]))


def with_range(slider: Mapping[str, Tensor], measured: Report) -> Slider:
    """The slider with the measured range in its metadata, as JSON `[lowest, highest]`; none if it does nothing."""
    metadata = getattr(slider, "metadata", {})
    if measured.does_nothing:
        return Slider(slider, {key: value for key, value in metadata.items() if key != "usable_range"})
    return Slider(slider, {**metadata, "usable_range": json.dumps(list(measured.usable_range))})
