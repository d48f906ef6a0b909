"""How even a slider's effect is with its response curve, on seeds that neither training nor the curve has seen.

    python3 scripts/run.py python benchmarks/one_is_one.py FOLDER [--concepts smile,eyes] [--seeds 1] [--cpu 2]
    python3 scripts/run.py python benchmarks/one_is_one.py FOLDER --table

Trains sliders at the rate that is found and at 3e-4, of pairs and of none, sweeps each over ±2 on four prompts with the
seeds 1 to 4, stores the curve as Slider Sweep does, and looks at −1, −0.5, 0, 0.5 and 1: raw, as far as 1 is by the
curve, and by the curve; on the same prompts with other seeds, and on other prompts. What is seen is kept in FOLDER, a
file a slider. The concept is read by the demo's network.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
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
from concept_sliders.slider_core.lora.reading import deltas_for  # noqa: E402
from faces import random_faces  # noqa: E402
from response import CONCEPTS, KEPT, Task, trained_slider  # noqa: E402

MEASURED = tuple(float(s) for s in np.linspace(-2, 2, 17))
ASKED = (-1.0, -0.5, 0.0, 0.5, 1.0)
SEEDS, OTHER_SEEDS = (1, 2, 3, 4), (11, 12, 13, 14)
WAYS = {
    "found rate": {"rate": 0.0},
    "rate 3e-4": {"rate": 3e-4},
    "unpaired": {"paired": False, "pictures": 12, "rate": 0.0},
}


class Faces:
    """The demo's model, and what a slider makes of some prompts and seeds."""

    def __init__(self) -> None:
        self.ground = sliders.load_ground()
        self.reader = measure.load()
        self.known = list(demo.HELD_OUT.values())
        new = [face.caption() for face in random_faces(60, seed=99)]
        self.others = [text for text in dict.fromkeys(new) if text not in self.known][:8]

    @torch.inference_mode()
    def sweep(
        self, slider: Any, texts: list[str], seeds: tuple[int, ...], strengths: Any, curve: Curve | None
    ) -> tuple[Any, dict[str, Any]]:
        """The report, and every attribute [rows, strengths] with the pictures."""
        ground = self.ground
        prompts = tuple(Prompt(text, text, conditioning=ground.text(text)) for text in texts)
        sweep, (deltas, _) = Sweep(prompts, seeds, tuple(strengths)), deltas_for(ground.model, slider)
        latents = sample_sweep(
            [Variant(ground.model, deltas, curve)], sweep, ground.text(""), torch.zeros(1, 16, 16, 16),
            SamplerSettings(12, 2.5),
        )  # fmt: skip
        pictures = decode(latents, ground.vae.decode)
        flat = stills(pictures).flatten(0, 1)
        seen = {k: v.reshape(len(sweep.rows), -1) for k, v in measure.measure(self.reader, flat).items()}
        small = torch.nn.functional.adaptive_avg_pool2d(flat.movedim(-1, 1), KEPT)
        seen["pictures"] = (
            (small.clamp(0, 1) * 255).round().byte().numpy().reshape(*pictures.shape[:2], 3, KEPT, KEPT)
        )
        return report_on(sweep, pictures), seen


def figures(values: Any) -> list[float]:
    """Range, evenness, gain at half strength and symmetry of values at ASKED."""
    steps, whole = np.diff(values), values[-1] - values[0]
    return [
        float(whole),
        float(np.abs(steps).max() / steps.mean()),
        float(2 * (values[3] - values[1]) / whole),
        float((values[4] - values[2]) / (values[2] - values[0])),
    ]


def made(concept: str, way: str, seed: int, folder: Path) -> None:
    """Trains and looks at one slider; what was seen goes into a file."""
    faces = Faces()
    slider = trained_slider(faces.ground, Task(concept, seed=seed, **WAYS[way])).slider
    report, seen = faces.sweep(slider, faces.known, SEEDS, MEASURED, None)
    _, more = faces.sweep(slider, faces.known, OTHER_SEEDS, MEASURED, None)
    curve = curve_of_report(report)
    kept = {f"measured_{k}": v for k, v in seen.items()} | {f"raw_{k}": v for k, v in more.items()}
    if curve is not None:
        ends = Curve(((-1.0, curve.raw(-1.0)), (0.0, 0.0), (1.0, curve.raw(1.0))))
        for name, texts, seeds in (
            ("seeds", faces.known, OTHER_SEEDS),
            ("prompts", faces.others, OTHER_SEEDS[:2]),
        ):
            for how, by in (("ends", ends), ("curve", curve)):
                kept |= {
                    f"{name}_{how}_{k}": v for k, v in faces.sweep(slider, texts, seeds, ASKED, by)[1].items()
                }
        kept["curve"] = np.array(curve.points)
    kept |= {"usable": np.array(report.usable_range), "task": np.array([concept, way, str(seed)])}
    np.savez_compressed(folder / f"{concept}_{way.replace(' ', '_')}_{seed}.npz", **kept)


def table(folder: Path) -> None:
    """For each slider, and the mean over all."""
    print("| slider | usable | on | strengths | range | evenness | gain at half | symmetry |\n|" + "---|" * 8)
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as kept:
            concept, way, seed = kept["task"]
            name, more, less = CONCEPTS[concept]
            for where in ("seeds", "prompts"):
                for how in ("ends", "curve"):
                    if f"{where}_{how}_{name}" not in kept:
                        continue
                    means = kept[f"{where}_{how}_{name}"].mean(0) * np.sign(more - less)
                    cells = " | ".join(f"{value:.2f}" for value in figures(means))
                    low, high = kept["usable"]
                    print(
                        f"| {concept}, {way}, {seed} | {low:g} to {high:g} | other {where} | {how} | {cells} |"
                    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--concepts", default="smile,eyes,eye_size,face_size")
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--cpu", type=int, default=1, help="processes of one thread")
    parser.add_argument("--table", action="store_true", help="print only what is in the folder")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.one:
        concept, way, seed = options.one.split(",")
        torch.set_num_threads(1)
        return made(concept, way, int(seed), options.folder)
    if not options.table:
        tasks = [
            f"{concept},{way},{seed}"
            for seed in range(options.seeds)
            for way in options.ways.split(",")
            for concept in options.concepts.split(",")
        ]
        command = [
            sys.executable,
            str(ROOT / "scripts" / "in_comfyui.py"),
            "--cpu",
            __file__,
            str(options.folder),
        ]
        env = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        with ThreadPoolExecutor(options.cpu) as pool:
            list(pool.map(lambda task: subprocess.run([*command, "--one", task], env=env, check=False), tasks))
    return table(options.folder)


if __name__ == "__main__":
    main()
