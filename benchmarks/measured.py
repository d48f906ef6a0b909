"""A case to be measured, the row that a measurement gives, and how a row reads in the table."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from comfy.model_patcher import ModelPatcher
from meter import Peak
from sizes import Size

Row = dict[str, Any]
MARK = "@row "  # begins the lines by which a case's process tells its rows


@dataclass
class Case:
    """What is measured, on which model.

    Attributes:
        pixels: edge of a picture.
        steps, seconds: most steps and most time of one measurement.
        pairs: of each step.
        others: GiB of the card that other processes hold.
        times: least seconds of each measurement so far, by name, for the ratios.
    """

    name: str
    size: Size
    patcher: ModelPatcher
    pixels: int
    steps: int
    seconds: float
    tiny: bool = False
    others: float = 0.0
    pairs: int = 1
    times: dict[str, float] = field(default_factory=dict)

    def row(self, what: str, seconds: float, peak: Peak, note: str = "", **more: Any) -> Row:
        self.times[what] = min(seconds, self.times.get(what, seconds))
        return {
            "what": what, "ms": 1000 * seconds, "torch_gib": peak.torch, "card_gib": peak.card, "note": note, **more,
        }  # fmt: skip

    def ratio(self, what: str, to: str) -> dict[str, Any]:
        """The `ratio` entry of a row, of the least times so far, where the other was measured."""
        return {"ratio": self.times[what] / self.times[to], "to": to} if to in self.times else {}


def tell(row: Row) -> None:
    print(MARK + json.dumps(row), flush=True)


HEAD = (
    f"{'model':8} {'dtype':10} {'VRAM':7} {'what':38} {'ms':>9} {'ratio':>6} {'torch':>7} {'card GiB':>8}"
    f" {'level':>7} {'left':>6}  note"
)


def line(row: Row) -> str:
    """`level`: allocated memory after the last step against the third; `left`: GiB more after than before."""
    level = ""
    if row.get("allocated"):
        third, last = row["allocated"]
        level = f"{100 * (last / third - 1):+6.1f}%" if third else ""
    numbers = [
        f"{row['ms']:9.1f}" if "ms" in row else f"{'-':>9}",
        f"{row['ratio']:6.2f}" if "ratio" in row else f"{'':6}",
        f"{row['torch_gib']:7.2f}" if row.get("torch_gib") else f"{'':7}",
        f"{row['card_gib']:8.2f}" if row.get("card_gib") else f"{'':8}",
        f"{level:>7}",
        f"{row['left']:6.2f}" if row.get("torch_gib") and "left" in row else f"{'':6}",
    ]
    notes = [f"{row['steps']} steps" if "steps" in row else "", row.get("note", "")]
    if row.get("loaded", 1) < 0.995:
        notes.insert(1, f"{100 * row['loaded']:.0f} % of the weights on the card")
    head = f"{row['model']:8} {row['dtype']:10} {row['vram']:7} {row['what']:38}"
    return f"{head} {' '.join(numbers)}  {'; '.join(n for n in notes if n)}"
