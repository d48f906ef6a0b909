"""Trains sliders on the demo's faces with the loss where the concept is, and measures what leaks.

    python3 scripts/run.py python benchmarks/masks.py [--concept smile] [--seeds 3] [--steps 300] [--methods "…;…"]

A picture's mask is the box around all that the concept changes in it, as a user would paint it. Prints a row of the
table in MASKS.md for each method; the columns are those of SLIDERS.md.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))

import demo
from concept_sliders.slider_core.adapters import AdapterConfig, uniform_plan
from concept_sliders.slider_core.architectures import select_targets
from concept_sliders.slider_core.data import Bucket, Cycle, Example
from concept_sliders.slider_core.data.masks import latent_mask
from concept_sliders.slider_core.training import TrainRequest, train
from draw_faces import draw
from faces import Face, random_faces
from figures import heading
from sliders import Ground, figures, load_ground, look, row

PICTURES = 6  # a side
MARGIN = 4  # pixels around what changes

# Name -> whether the pictures are pairs, and where the loss counts.
METHODS = {
    "pairs": (True, "none"),
    "pairs, mask": (True, "mask"),
    "pairs, difference": (True, "difference"),
    "unpaired": (False, "none"),
    "unpaired, mask": (False, "mask"),
}


def mask_of(face: Face, concept: demo.Concept) -> torch.Tensor:
    """[1, H, W]: 1 in the box around what the concept changes."""
    more, less = (draw(replace(face, **{concept.attribute: value})) for value in (concept.more, concept.less))
    rows, columns = np.nonzero(np.abs(more - less).max(axis=-1) > 0.02)
    mask = torch.zeros(1, *more.shape[:2])
    mask[
        :,
        max(0, rows.min() - MARGIN) : rows.max() + MARGIN + 1,
        max(0, columns.min() - MARGIN) : columns.max() + MARGIN + 1,
    ] = 1
    return mask


def example(ground: Ground, number: int, face: Face, concept: demo.Concept, value: float) -> Example:
    made = ground.example(number, replace(face, **{concept.attribute: value}))
    return replace(made, mask=latent_mask(mask_of(face, concept), made.latent))


@torch.inference_mode()
def cycle(ground: Ground, concept: demo.Concept, paired: bool, weighting: str, seed: int) -> Cycle:
    faces = [face for face in random_faces(40, seed=7) if face.caption() not in demo.HELD_OUT.values()]
    of_less = faces[:PICTURES] if paired else faces[PICTURES : 2 * PICTURES]
    sides = (("more", faces[:PICTURES], concept.more, 0.5), ("less", of_less, concept.less, -0.5))
    buckets = tuple(
        Bucket(name, tuple(example(ground, i, f, concept, value) for i, f in enumerate(chosen)), strength)
        for name, chosen, value, strength in sides
    )
    return Cycle(buckets, pairing="name" if paired else "random", seed=seed, loss_weighting=weighting)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", help="names out of the table, separated by semicolons; all if left out")
    parser.add_argument("--concept", choices=demo.CONCEPTS, default="smile")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=300)
    options = parser.parse_args()
    ground, concept = load_ground(), demo.CONCEPTS[options.concept]
    plan = uniform_plan(select_targets(ground.model), AdapterConfig("lora", rank=4))
    for number, name in enumerate(options.methods.split(";") if options.methods else METHODS):
        paired, weighting = METHODS[name.strip()]
        runs = []
        for seed in range(options.seeds):
            request = TrainRequest(
                ground.model,
                plan,
                cycle(ground, concept, paired, weighting, seed),
                steps=options.steps,
                seed=seed,
            )
            runs.append(figures(look(ground, train(request).slider, concept)))
        if number == 0:
            print(heading(options.concept))
        print(row(name, runs), flush=True)


if __name__ == "__main__":
    main()
