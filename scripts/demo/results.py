"""What the demo's sweep shows: the concept against the strength, and what else moved."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from measure import CHOICES, NUMBERS, load, measure
from PIL import Image

STEADY = 0.9  # share of the steps from one strength to the next, over all rows, that must go the right way
TOLERANCE = 0.03  # of the attribute's range: a step back no larger than this is no step back


@dataclass(frozen=True)
class Results:
    """Attributes of a sweep's pictures.

    Attributes:
        concept: the attribute that the slider was trained on.
        strengths: the columns, rising, 0 among them.
        found: every attribute as [rows, columns].
    """

    concept: str
    strengths: list[float]
    found: dict[str, np.ndarray]

    @property
    def zero(self) -> int:
        return self.strengths.index(0.0)

    def means(self) -> np.ndarray:
        """The concept at each strength, mean over the rows."""
        return self.found[self.concept].mean(0)

    def steady(self) -> float:
        """Share of single steps, row by row, that rise."""
        span = 4 * NUMBERS[self.concept][1]
        return float((np.diff(self.found[self.concept], axis=1) > -TOLERANCE * span).mean())

    def monotonic(self) -> bool:
        """Whether the concept rises with every step above 0 and falls with every step below, and clearly so."""
        means, deviation = self.means(), NUMBERS[self.concept][1]
        clear = min(means[-1] - means[self.zero], means[self.zero] - means[0]) > 0.5 * deviation
        return bool(clear and (np.diff(means) > 0).all() and self.steady() >= STEADY)

    def leak(self) -> dict[str, np.ndarray]:
        """For each other attribute and strength the mean change from strength 0.

        Numbers are in standard deviations among random faces, choices the share of rows in which they changed.
        """
        leak = {}
        for name, values in self.found.items():
            at_zero = values[:, self.zero : self.zero + 1]
            if name in NUMBERS and name != self.concept:
                leak[name] = np.abs(values - at_zero).mean(0) / NUMBERS[name][1]
            elif name in CHOICES:
                leak[name] = (values != at_zero).mean(0)
        return leak

    def rows(self) -> list[list[str]]:
        """The table: a heading, then one line a strength."""
        leak = self.leak()
        rows = [["strength", self.concept, "lowest", "highest", *leak]]
        for column, strength in enumerate(self.strengths):
            values = self.found[self.concept][:, column]
            numbers = [
                values.mean(),
                values.min(),
                values.max(),
                *(changes[column] for changes in leak.values()),
            ]
            rows.append([f"{strength:+.2f}", *(f"{number:.2f}" for number in numbers)])
        return rows


def read(concept: str, files: list[Path], strengths: list[float]) -> Results:
    """Measures a sweep's pictures, given row by row."""
    pictures = np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files])
    found = measure(load(), torch.from_numpy(pictures) / 255)
    return Results(
        concept, strengths, {name: values.reshape(-1, len(strengths)) for name, values in found.items()}
    )


def as_text(rows: list[list[str]]) -> str:
    """A table in Markdown with straight columns, which reads well on a terminal too."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 1) + ":" for width in widths) + "|")
    return "\n".join(lines)


def write_csv(rows: list[list[str]], path: Path) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
