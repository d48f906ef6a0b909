"""A report as lines to read on a node; changes in percent of the pictures' range."""

from __future__ import annotations

from ..given import counted
from .leak import WHOLE
from .report import Report


def text_of(report: Report) -> str:
    """The report as lines to read on a node."""
    if report.does_nothing:
        most = 100 * max(report.size)
        return f"This slider changes almost nothing ({most:.2f} % at most): train longer or raise the rate."
    rows = zip(report.strengths, report.effect, report.beside, report.rest, strict=True)
    return "\n".join(
        [
            _range(report),
            f"Monotonicity {report.monotonicity:.2f} (Spearman, 1 is best; {counted(report.rows, 'row')})",
            f"Symmetry {_figure(report.symmetry)} (effect of + over effect of −)",
            f"Evenness {_figure(report.evenness)} (largest step over mean step, 1 is best)",
            f"Gain at half strength {_figure(report.gain_at_half)} (over half the effect of the range, 1 is best)",
            f"Triangle deficit {_figure(report.triangle_deficit)} (0: more and less are opposite ways, 1: the same)",
            f"Leak {_figure(report.leak)} {_leak_is(report)}",
            f"Selectivity {_figure(report.selectivity)} (effect over the middle pixel's change, more is better)",
            f"Off direction {_figure(report.off_direction)} (change beside the effect, over the effect)",
            *_neutral(report),
            "",
            "strength  effect %  middle pixel %  off direction %",
            *(f"{s:8.3g} {100 * e:9.2f} {100 * m:15.2f} {100 * r:16.2f}" for s, e, m, r in rows),
        ]
    )


def _range(report: Report) -> str:
    (low, high), spoilt = report.usable_range, report.others_change
    beyond = [s for s, spoils in zip(report.strengths, spoilt, strict=True) if spoils]
    if high > low:
        why = "; beyond, more changes than the concept" if beyond else ""
        both = f" (±{min(-low, high):.3g})" if low < 0 < high else ""
        return f"Usable range {low:.3g} to {high:.3g}{both}{why}"
    if beyond:
        return (
            "No usable range: more changes than the concept, even at the smallest strengths. Try smaller ones."
        )
    return "No usable range"


def _leak_is(report: Report) -> str:
    if report.leak is not None and report.leak >= WHOLE:
        return "(the whole picture changes: right for a style or the light, else it leaks)"
    return "(change of the middle pixel over that of the whole; compare sliders of one concept)"


def _neutral(report: Report) -> list[str]:
    if report.neutral_leak is None:
        return []
    return [f"Neutral prompts {report.neutral_leak:.2f} (their change, over that of the others)"]


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
