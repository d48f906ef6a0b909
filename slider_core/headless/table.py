"""What became of the sliders, as a table to read at the end."""

from __future__ import annotations

from collections.abc import Sequence

from .progress import duration
from .sliders import Outcome

HEADS = ("slider", "steps", "loss", "usable range", "symmetry", "leak", "neutral", "time", "file")


def table_of(outcomes: Sequence[Outcome]) -> str:
    """A line for each slider; range, symmetry and leak are those of its sweep."""
    rows = [HEADS, *map(_row, outcomes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS) - 1)]
    lines = [
        "  ".join([cell.ljust(width) for cell, width in zip(row, widths, strict=False)] + [row[-1]])
        for row in rows
    ]
    return "\n".join(lines)


def _row(outcome: Outcome) -> tuple[str, ...]:
    if outcome.error or outcome.cancelled:
        said = "cancelled" if outcome.cancelled else f"failed: {outcome.error.splitlines()[0][:60]}"
        kept = f"{said}; {outcome.file.name}" if outcome.file else said
        return (outcome.name, *[""] * 6, duration(outcome.seconds), kept)
    figures = outcome.figures
    low, high = figures.get("usable_range", (0.0, 0.0))
    span = (f"{low:+.3g} to {high:+.3g}" if high > low else "none") if figures else "not measured"
    numbers = (_figure(figures.get(name)) for name in ("symmetry", "leak", "neutral_leak"))
    file = outcome.file.name if outcome.file else "not written"
    return (
        outcome.name,
        str(outcome.steps),
        _figure(outcome.loss),
        span,
        *numbers,
        duration(outcome.seconds),
        file,
    )


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"
