"""What the report of a sweep says from pixels, against what is true, over many sliders of the demo's face model.

    python3 scripts/run.py python benchmarks/response.py FOLDER --seconds 1500 --cpu 2
    python3 scripts/run.py python benchmarks/report_truth.py FOLDER

`response.py` trains the sliders and keeps pictures and true attributes of held-out faces; this prints rank
correlations over all of them (the table in SLIDERS.md).
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from concept_sliders.slider_core.evaluation.measures import spearman
from concept_sliders.slider_core.evaluation.report import Report, report
from response import CONCEPTS, KEPT

SHOWN = 24  # pixels, as a sweep measures (slider_core/evaluation/sweep.py)
DEVIATIONS = {
    "smile": 0.577,
    "eye_brightness": 0.289,
    "eye_size": 0.115,
    "face_size": 0.058,
    "x": 0.046,
    "y": 0.035,
}
CHOICES = ("hair", "style", "skin", "shirt", "background", "glasses")
OTHERS_CHANGE = 0.3  # mean change of the other numbers, in deviations, from which a strength is not usable
CHOICES_CHANGE = 0.02  # … or share of choices that are others
LEAKY = 0.2  # leak / range
FALLS_BACK = (
    0.03  # … or part of the pictures' span by which there is less of the concept than a strength before
)


@dataclass(frozen=True)
class Seen:
    """A slider, and its report on the strengths that were looked at."""

    name: str
    concept: str
    span: float
    strengths: list[float]
    true: dict[str, Any]
    said: Report

    @classmethod
    def of(cls, path: Path, strengths: list[float]) -> Seen:
        with np.load(path) as kept:
            task = json.loads(str(kept["task"]))
            concept, more, less = CONCEPTS[task["concept"]]
            at = [list(kept["strengths"]).index(s) for s in strengths]
            pictures = kept["pictures"][:, at].astype(np.float64) / 255
            true = {key[5:]: kept[key][:, at] for key in kept.files if key.startswith("true_")}
        small = pictures.reshape(*pictures.shape[:3], SHOWN, KEPT // SHOWN, SHOWN, KEPT // SHOWN).mean((4, 6))
        return cls(path.stem, concept, abs(more - less), strengths, true, report(strengths, list(small)))

    def moved(self, strength: float) -> float:
        """Mean change of the concept, of the pictures' span."""
        return float(self._change(self.concept, strength).mean()) / self.span

    def leak(self, strength: float) -> float:
        """Mean change of the other numbers, in deviations among random faces."""
        others = [name for name in DEVIATIONS if name != self.concept]
        return float(np.mean([np.abs(self._change(n, strength)).mean() / DEVIATIONS[n] for n in others]))

    def leak_over_range(self, s: float = 1.0) -> float:
        """At ±s; a range of 2 is that of the pictures."""
        return (self.leak(s) + self.leak(-s)) / 2 / (2 * (self.moved(s) - self.moved(-s)))

    def end(self, sign: int) -> float:
        """The last strength on a side up to which, in truth, there is more of the concept and nothing else changes."""
        last, before = 0.0, 0.0
        for s in sorted(s for s in self.strengths if s > 0):
            others = np.mean([self._chosen_anew(name, sign * s) for name in CHOICES], axis=1)
            own = 2 * sign * self.moved(sign * s)
            if (
                self.leak(sign * s) > OTHERS_CHANGE
                or others.mean() > CHOICES_CHANGE
                or own < before - FALLS_BACK
            ):
                break
            last, before = s, own
        return last

    def _change(self, name: str, strength: float) -> Any:
        return self._at(name, strength) - self._at(name, 0.0)

    def _chosen_anew(self, name: str, strength: float) -> Any:
        return self._at(name, strength) != self._at(name, 0.0)

    def _at(self, name: str, strength: float) -> Any:
        return self.true[name][:, self.strengths.index(strength)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    paths = sorted(parser.parse_args().folder.glob("*.npz"))
    print(f"{len(paths)} sliders\n| swept at | the report's | true | rank correlation |\n|{'---|' * 4}")
    for strengths in ([-4, -2, -1, -0.5, 0, 0.5, 1, 2, 4], [-2, -1, 0, 1, 2]):
        sliders = [Seen.of(path, [float(s) for s in strengths]) for path in paths]
        true = [slider.leak_over_range() for slider in sliders]
        all_at = [(slider, s) for slider in sliders for s in slider.strengths if s]
        sides = [(slider, sign) for slider in sliders for sign in (1, -1)]
        said = [max(sign * slider.said.usable_range[sign > 0], 0) for slider, sign in sides]
        ends = [slider.end(sign) for slider, sign in sides]
        beside = [slider.said.beside[slider.said.strengths.index(s)] for slider, s in all_at]
        leak, pure = "leak / range at ±1", [1 / (slider.said.selectivity or 1e9) for slider in sliders]
        rows = {
            "leak": (leak, [slider.said.leak or 0.0 for slider in sliders], true),
            "off direction": (leak, [slider.said.off_direction or 0.0 for slider in sliders], true),
            "1 / selectivity": (leak, pure, true),
            "middle pixel": ("leak at each strength", beside, [slider.leak(s) for slider, s in all_at]),
            "usable range": ("last good strength", said, ends),
        }
        for name, (other, one, two) in rows.items():
            print(f"| {', '.join(f'{s:g}' for s in strengths)} | {name} | {other} | {spearman(one, two):.2f} |")
        both = list(zip(said, ends, strict=True))
        wide, narrow = sum(a > b for a, b in both), sum(a < b for a, b in both)
        right = len(both) - wide - narrow
        leaky = [slider.said.usable_range for slider in sliders if slider.leak_over_range(2.0) > LEAKY]
        passed = sum(low <= -2 and high >= 2 for low, high in leaky)
        print(f"\nUsable range too wide {wide}, too narrow {narrow}, right {right} of {len(both)} sides.")
        print(
            f"{passed} of {len(leaky)} sliders whose leak / range is above {LEAKY} at ±2 may be used there.\n"
        )


if __name__ == "__main__":
    main()
