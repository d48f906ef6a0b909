"""Sliders of words alone on the demo's model, whose captions name hair, skin, shirt and background.

    python3 scripts/run.py python benchmarks/words.py [--seeds 3]

The amount of a concept is the colour of the pixels that show the attribute, on the line from the one value's colour
(0) to the other's (1): unlike what a network says of it, it goes on where the choice is made already. On prompts that
leave the attribute out. Prints, for each concept: Spearman over all strengths and on each side, the amount at −1, 0 and
1, and how often other named attributes change at ±1. bench-sliders measures words on its second model too.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import grounds
import methods
import numpy as np
import torch
from concept_sliders.slider_core.applying.sampling import SamplerSettings
from concept_sliders.slider_core.evaluation.measures import spearman
from concept_sliders.slider_core.evaluation.prompts import Prompt
from concept_sliders.slider_core.evaluation.sweep import Sweep, Variant, decode, sample_sweep, stills
from concept_sliders.slider_core.lora.reading import deltas_for
from draw_faces import draw
from faces import random_faces
from grounds import measure

STRENGTHS = (-1.0, -0.5, 0.0, 0.5, 1.0)
# attribute -> value with more, value with less, held-out prompts that do not name it
CONCEPTS = {
    "hair": ("red", "blue", "a person with tan skin, {} shirt, {} background"),
    "skin": ("dark", "light", "a person with short brown hair, {} shirt, {} background"),
    "background": ("orange", "blue", "a person with curly {} hair, tan skin, {} shirt"),
}
SHOWN = 0.9  # share of drawn faces on which a pixel shows the attribute
FILL = (("green", "gray"), ("red", "pink"), ("black", "green"), ("green", "red"))


def region(attribute: str) -> torch.Tensor:
    """The pixels that show an attribute on nearly all drawn faces, bool [H, W]."""
    more, less, _ = CONCEPTS[attribute]
    faces = random_faces(60, seed=5)
    drawn = [[draw(replace(face, **{attribute: value})) for face in faces] for value in (more, less)]
    changes = np.abs(np.subtract(*drawn)).mean(-1) > 0.02
    return torch.from_numpy(changes.mean(0) > SHOWN)


def amounts(pictures: torch.Tensor, attribute: str) -> np.ndarray:
    """How far the colour of its pixels is on the way from the value with less (0) to the one with more (1)."""
    more, less = (torch.tensor(measure.PALETTES[attribute][value]) / 255 for value in CONCEPTS[attribute][:2])
    colour = pictures.float()[:, region(attribute)].mean(1)
    way = more - less
    return ((colour - less) @ way / (way @ way)).numpy()


def measured(ground: grounds.Ground, attribute: str, seed: int) -> dict[str, float]:
    more, less, template = CONCEPTS[attribute]
    noun = attribute
    methods.WORD_PAIRS[attribute] = (f"a person with {more} {noun}", f"a person with {less} {noun}")
    if attribute == "background":
        methods.WORD_PAIRS[attribute] = (f"a person with {more} background", f"a person with {less} background")
    method = replace(methods.METHODS["words"], settings={"objective": "prompts"})
    slider, seconds = methods.trained(ground, attribute, grounds.Setup(), method, seed)
    with torch.inference_mode():
        texts = [template.format(*fill) for fill in FILL]
        prompts = tuple(Prompt(text, text, conditioning=ground.text(text)) for text in texts)
        deltas, _ = deltas_for(ground.model, slider)
        sweep = Sweep(prompts, (1, 2), STRENGTHS)
        latents = sample_sweep(
            [Variant(ground.model, deltas)],
            sweep,
            ground.text(""),
            torch.zeros(1, 16, 16, 16),
            SamplerSettings(12, 2.5),
        )
        pictures = stills(decode(latents, ground.vae.decode)).flatten(0, 1)
    amount = amounts(pictures, attribute).reshape(-1, len(STRENGTHS))
    found = measure.measure(measure.load(), pictures)
    changed = []
    for name in measure.CHOICES:
        if name != attribute:
            values = found[name].reshape(-1, len(STRENGTHS))
            changed.append(float((values[:, [0, -1]] != values[:, [2]]).mean()))
    means = amount.mean(0)
    return {
        "Spearman": statistics.mean(spearman(STRENGTHS, row) for row in amount),
        "below 0": statistics.mean(spearman(STRENGTHS[:3], row[:3]) for row in amount),
        "above 0": statistics.mean(spearman(STRENGTHS[2:], row[2:]) for row in amount),
        **{f"at {STRENGTHS[place]:g}": float(means[place]) for place in (0, 2, 4)},
        "others changed": statistics.mean(changed),
        "seconds": seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--concepts", default=";".join(CONCEPTS))
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    ground = grounds.load_ground()
    for number, attribute in enumerate(options.concepts.split(";")):
        runs = [measured(ground, attribute, seed) for seed in range(options.seeds)]
        if number == 0:
            print(f"| words | {' | '.join(runs[0])} |\n|{'---|' * (len(runs[0]) + 1)}")
        cells = [
            f"{statistics.mean(run[column] for run in runs):.3f}"
            + (f" ({statistics.stdev(run[column] for run in runs):.3f})" if len(runs) > 1 else "")
            for column in runs[0]
        ]
        more, less, _ = CONCEPTS[attribute]
        print(f"| {attribute}: {more} − {less} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
