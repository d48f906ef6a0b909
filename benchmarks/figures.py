"""The columns of the slider table, from the pictures of a sweep."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from concept_sliders.slider_core.evaluation import measures
from grounds import measure, results


def figures(looked: results.Results, pictures: torch.Tensor | None = None, mask: torch.Tensor | None = None):
    """What the columns say; docs in SLIDERS.md. Numbers are compared in deviations among random faces."""
    means, leak = looked.means(), looked.leak()
    at = {strength: place for place, strength in enumerate(looked.strengths)}
    low, high, zero = at[-1.0], at[1.0], at[0.0]
    spread = float(means[high] - means[low])
    others = [name for name in measure.NUMBERS if name != looked.concept]
    moved = float(np.mean([leak[name][[low, high]].mean() for name in others]))
    choices = float(np.mean([leak[name][[low, high]].mean() for name in measure.CHOICES]))
    found = looked.found[looked.concept]
    shown = {
        "range": spread,
        "Spearman": statistics.mean(measures.spearman(looked.strengths, row) for row in found),
        "evenness": measures.evenness(looked.strengths, list(means)) or float("nan"),
        "symmetry": ratio(float(means[high] - means[zero]), float(means[zero] - means[low])),
        "leak": moved,
        "leak / range": ratio(moved, spread),
        "selectivity": selectivity(looked, others),
        "choices changed": choices,
    }
    if -0.5 in at and 0.5 in at:
        shown["gain at half"] = ratio(2 * float(means[at[0.5]] - means[at[-0.5]]), spread)
    if pictures is not None and mask is not None:
        change = (pictures[:, [low, high]] - pictures[:, zero : zero + 1]).abs().mean(-1)
        shown["inside / outside"] = ratio(float(change[..., mask].mean()), float(change[..., ~mask].mean()))
    return shown


def ratio(part: float, whole: float) -> float:
    return part / whole if abs(whole) > 1e-6 else float("nan")


def selectivity(looked: results.Results, others: Sequence[str]) -> float:
    """The concept's slope over the mean size of the other numbers' slopes, all per strength and in deviations."""

    def slope(name: str) -> float:
        values = looked.found[name].mean(0) / measure.NUMBERS[name][1]
        return float(np.polyfit(looked.strengths, values, 1)[0])

    return ratio(slope(looked.concept), statistics.mean(abs(slope(name)) for name in others))


COLUMNS = (
    "range", "Spearman", "evenness", "gain at half", "symmetry", "leak", "leak / range", "selectivity",
    "inside / outside", "choices changed", "seconds",
)  # fmt: skip


def row(name: str, runs: Sequence[Mapping[str, float]]) -> str:
    """A line of the table: the mean over the runs and, in brackets, their standard deviation."""
    cells = [name, str(len(runs))]
    for column in COLUMNS:
        values = [run[column] for run in runs if column in run]
        digits = 0 if column == "seconds" else 1 if column in ("selectivity", "inside / outside") else 3
        spread = f" ({np.std(values, ddof=1):.{digits}f})" if len(values) > 1 else ""
        cells.append(f"{np.mean(values):.{digits}f}{spread}" if values else "")
    return f"| {' | '.join(cells)} |"


def heading(title: str) -> str:
    return f"| {title} | runs | {' | '.join(COLUMNS)} |\n|{'---|' * (len(COLUMNS) + 2)}"
