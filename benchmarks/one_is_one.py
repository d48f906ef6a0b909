"""How even a slider's effect is with its response curve, on faces that neither training nor the curve has seen.

    python3 scripts/run.py python benchmarks/one_is_one.py [--concepts smile,eyes,eye_size,face_size] [--sliders FOLDER]

Trains a slider for each concept (or takes those that `response.py` left in FOLDER), measures its curve as Slider Sweep
does, and looks at other prompts and seeds at −1, −0.5, 0, 0.5 and 1: raw, 1 being the end of the usable range, and by
the curve. Figures are from the change of the pictures, and from the demo's network, which reads the concept itself.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "scripts" / "demo"
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "scripts"), str(DEMO), str(DEMO / "custom_nodes")]

import demo  # noqa: E402
import measure  # noqa: E402
import sliders  # noqa: E402
from concept_sliders.slider_core.applying.sampling import SamplerSettings  # noqa: E402
from concept_sliders.slider_core.curve import Curve  # noqa: E402
from concept_sliders.slider_core.evaluation.prompts import Prompt  # noqa: E402
from concept_sliders.slider_core.evaluation.response import curve_of_report  # noqa: E402
from concept_sliders.slider_core.evaluation.sweep import (  # noqa: E402
    Sweep,
    Variant,
    decode,
    report_on,
    sample_sweep,
    stills,
)
from concept_sliders.slider_core.files import load  # noqa: E402
from concept_sliders.slider_core.lora.reading import deltas_for  # noqa: E402
from response import CONCEPTS, Task, trained_slider  # noqa: E402

MEASURED = tuple(float(s) for s in np.linspace(-2, 2, 17))
ASKED = (-1.0, -0.5, 0.0, 0.5, 1.0)


class Faces:
    """The demo's model, and what a slider makes of some prompts and seeds."""

    def __init__(self) -> None:
        self.ground = sliders.load_ground()
        self.reader = measure.load()

    @torch.inference_mode()
    def sweep(
        self, slider: Any, texts: dict[str, str], seeds: tuple[int, ...], strengths: Any, curve: Curve | None
    ) -> tuple[Any, dict[str, Any]]:
        """The report, and every attribute [rows, strengths]."""
        ground = self.ground
        prompts = tuple(Prompt(name, text, conditioning=ground.text(text)) for name, text in texts.items())
        sweep, (deltas, _) = Sweep(prompts, seeds, tuple(strengths)), deltas_for(ground.model, slider)
        latents = sample_sweep(
            [Variant(ground.model, deltas, curve)], sweep, ground.text(""), torch.zeros(1, 16, 16, 16),
            SamplerSettings(12, 2.5),
        )  # fmt: skip
        pictures = decode(latents, ground.vae.decode)
        true = measure.measure(self.reader, stills(pictures).flatten(0, 1))
        return report_on(sweep, pictures), {k: v.reshape(len(sweep.rows), -1) for k, v in true.items()}


def figures(values: Any) -> tuple[float, float, float]:
    """Evenness, gain at half strength and symmetry of values at ASKED."""
    steps, whole = np.diff(values), values[-1] - values[0]
    gain = 2 * (values[3] - values[1]) / whole
    return (
        float(np.abs(steps).max() / steps.mean()),
        float(gain),
        float((values[4] - values[2]) / (values[2] - values[0])),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--concepts", default="smile,eyes,eye_size,face_size")
    parser.add_argument("--sliders", type=Path)
    parser.add_argument("--rate", type=float, default=3e-4)
    options = parser.parse_args()
    faces, texts = Faces(), list(demo.HELD_OUT.items())
    print(
        "| concept | raw range | strengths | measured by | evenness | gain at half | symmetry |\n|" + "---|" * 7
    )
    for concept in options.concepts.split(","):
        if options.sliders:
            slider = load(next(options.sliders.glob(f"{concept}_6_*.safetensors")))
        else:
            slider = trained_slider(faces.ground, Task(concept, rate=options.rate)).slider
        report, _ = faces.sweep(slider, dict(texts[::2]), (1, 2, 3, 4), MEASURED, None)
        curve = curve_of_report(report)
        low, high = report.usable_range
        end = min(-low, high) or max(-low, high) or 1.0
        for name, by in (("raw", Curve(((-1.0, -end), (0.0, 0.0), (1.0, end)))), ("by the curve", curve)):
            if by is None:
                print(f"| {concept} | none | | | | | |")
                continue
            seen, true = faces.sweep(slider, dict(texts[1::2]), (11, 12, 13, 14), ASKED, by)
            attribute = true[CONCEPTS[concept][0]].mean(0) * np.sign(
                CONCEPTS[concept][1] - CONCEPTS[concept][2]
            )
            for how, values in (("pictures", np.array(seen.way)), ("network", attribute)):
                cells = " | ".join(f"{value:.2f}" for value in figures(values))
                print(f"| {concept} | {low:g} to {high:g} | {name} | {how} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
