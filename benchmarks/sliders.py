"""Trains sliders on the demo's face model by several methods, and measures each on faces that training has not seen.

    python3 scripts/run.py python benchmarks/sliders.py [--methods "denoise;difference"] [--concept eyes] [--seeds 3]

Prints a row of the table in SLIDERS.md for each method: mean and, in brackets, standard deviation over the seeds of
the training. Everything is measured from the pixels, by the network in scripts/demo/measure.py.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "scripts" / "demo"
sys.path[:0] = [str(ROOT / "scripts"), str(DEMO), str(DEMO / "custom_nodes")]

import demo  # noqa: E402
import measure  # noqa: E402
import results  # noqa: E402
from comfy import sd, utils  # noqa: E402
from comfyui_tiny_faces.clip import load_clip  # noqa: E402
from concept_sliders.slider_core.adapters import AdapterConfig, uniform_plan  # noqa: E402
from concept_sliders.slider_core.applying.sampling import SamplerSettings  # noqa: E402
from concept_sliders.slider_core.architectures import select_targets  # noqa: E402
from concept_sliders.slider_core.data import Bucket, Cycle, Example  # noqa: E402
from concept_sliders.slider_core.evaluation import measures  # noqa: E402
from concept_sliders.slider_core.evaluation.prompts import Prompt  # noqa: E402
from concept_sliders.slider_core.evaluation.sweep import Sweep, Variant, decode, sample_sweep, stills  # noqa: E402
from concept_sliders.slider_core.lora.reading import deltas_for  # noqa: E402
from concept_sliders.slider_core.training import TrainRequest, train  # noqa: E402
from faces import Face, draw, random_faces  # noqa: E402

STRENGTHS = (-2.0, -1.0, 0.0, 1.0, 2.0)
PICTURES = 6  # a side

# Name -> whether the pictures are pairs, and what differs from the defaults of Train Slider.
METHODS: dict[str, tuple[bool, dict[str, Any]]] = {
    "denoise, rate 1e-4": (True, {"learning_rate": 1e-4}),
    "denoise": (True, {}),
    "difference": (True, {"objective": "difference"}),
    "difference, rate 4e-4": (True, {"objective": "difference", "learning_rate": 4e-4}),
    "denoise, unpaired": (False, {}),
    "difference, unpaired": (False, {"objective": "difference"}),
    "difference, unpaired, rate 4e-4": (False, {"objective": "difference", "learning_rate": 4e-4}),
}


@dataclass(frozen=True)
class Ground:
    """The demo's model, with its text encoder and VAE."""

    model: Any
    clip: Any
    vae: Any

    def text(self, caption: str) -> list[Any]:
        conditioning: list[Any] = self.clip.encode_from_tokens_scheduled(self.clip.tokenize(caption))
        return conditioning

    def example(self, number: int, face: Face) -> Example:
        latent = self.vae.encode(torch.from_numpy(draw(face))[None].float())
        return Example(f"{number:02}", face.caption(), latent, self.text(face.caption()))


@torch.inference_mode()
def load_ground() -> Ground:
    file = str(DEMO / "model" / "tiny_faces.safetensors")
    model, _, vae, _ = sd.load_checkpoint_guess_config(file, output_clip=False)
    return Ground(model, load_clip(utils.load_torch_file(file)), vae)


@torch.inference_mode()
def cycle(ground: Ground, concept: demo.Concept, paired: bool, seed: int) -> Cycle:
    """Six faces with more and with less of the concept: the same ones, or others."""
    faces = [face for face in random_faces(40, seed=7) if face.caption() not in demo.HELD_OUT.values()]
    of_less = faces[:PICTURES] if paired else faces[PICTURES : 2 * PICTURES]
    sides = (("more", faces[:PICTURES], concept.more, 0.5), ("less", of_less, concept.less, -0.5))
    buckets = tuple(
        Bucket(
            name,
            tuple(ground.example(i, replace(f, **{concept.attribute: value})) for i, f in enumerate(chosen)),
            strength,
        )
        for name, chosen, value, strength in sides
    )
    return Cycle(buckets, pairing="name" if paired else "random", seed=seed)


def trained(ground: Ground, concept: demo.Concept, paired: bool, seed: int, **settings: Any) -> Any:
    """A slider of rank 4 on the preset `slider`, as Train Slider makes it."""
    plan = uniform_plan(select_targets(ground.model), AdapterConfig("lora", rank=4))
    return train(TrainRequest(ground.model, plan, cycle(ground, concept, paired, seed), seed=seed, **settings))


@torch.inference_mode()
def look(
    ground: Ground, slider: Any, concept: demo.Concept, strengths: tuple[float, ...] = STRENGTHS, seeds: int = 2
) -> results.Results:
    """Every attribute of the held-out faces at each strength."""
    prompts = tuple(Prompt(name, text, conditioning=ground.text(text)) for name, text in demo.HELD_OUT.items())
    sweep = Sweep(prompts, tuple(range(1, 1 + seeds)), strengths)
    deltas, _ = deltas_for(ground.model, slider)
    settings = SamplerSettings(steps=20, cfg=2.5)
    variants, empty = [Variant(ground.model, deltas)], torch.zeros(1, 16, 16, 16)
    latents = sample_sweep(variants, sweep, ground.text(""), empty, settings)
    pictures = stills(decode(latents, ground.vae.decode)).flatten(0, 1)
    found = measure.measure(measure.load(), pictures)
    in_rows = {name: values.reshape(-1, len(strengths)) for name, values in found.items()}
    return results.Results(concept.attribute, list(strengths), in_rows)


def figures(looked: results.Results) -> dict[str, float]:
    """The columns of the table."""
    means, leak = looked.means(), looked.leak()
    low, high = looked.strengths.index(-1.0), looked.strengths.index(1.0)
    spread = float(means[high] - means[low])
    numbers = [leak[name][[low, high]].mean() for name in measure.NUMBERS if name != looked.concept]
    choices = [leak[name][[low, high]].mean() for name in measure.CHOICES]
    found = looked.found[looked.concept]
    return {
        "range": spread,
        "Spearman": statistics.mean(measures.spearman(looked.strengths, row) for row in found),
        "evenness": measures.evenness(looked.strengths, list(means)) or float("nan"),
        "leak": float(sum(numbers)) / len(numbers),
        "leak / range": float(sum(numbers)) / len(numbers) / spread,
        "choices changed": float(sum(choices)) / len(choices),
    }


def row(name: str, runs: list[dict[str, float]]) -> str:
    cells = []
    for column in runs[0]:
        values = [run[column] for run in runs]
        spread = f" ({statistics.stdev(values):.3f})" if len(values) > 1 else ""
        cells.append(f"{statistics.mean(values):.3f}{spread}")
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", help="names out of the table, separated by semicolons; all if left out")
    parser.add_argument("--concept", choices=demo.CONCEPTS, default="smile")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=300)
    options = parser.parse_args()
    ground, concept = load_ground(), demo.CONCEPTS[options.concept]
    for number, name in enumerate(options.methods.split(";") if options.methods else METHODS):
        paired, settings = METHODS[name.strip()]
        runs = []
        for seed in range(options.seeds):
            slider = trained(ground, concept, paired, seed, steps=options.steps, **settings).slider
            runs.append(figures(look(ground, slider, concept)))
        if number == 0:
            print(f"| {options.concept} | {' | '.join(runs[0])} |\n|{'---|' * (len(runs[0]) + 1)}")
        print(row(name, runs), flush=True)


if __name__ == "__main__":
    main()
