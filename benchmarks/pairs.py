"""Plants bad pairs among good ones on the demo's faces, and measures how well they are found.

    python3 scripts/run.py python benchmarks/pairs.py [--concept smile] [--pairs 12] [--draws 20]

A good pair is a face with more and with less of the concept. Planted: `shifted` (one picture moved by 3 to 6 of its 128
pixels), `other attribute` (something else changes instead), `nothing changed` (twice the same picture), `another face`.
Prints a line of the table in PAIRS.md for each: area under the curve of the suspicion, how many planted pairs are
named, and how many good ones are named wrongly, over draws of sets in which a sixth is planted.
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
from concept_sliders.slider_core.data import Bucket, Cycle, Example
from concept_sliders.slider_core.data.pair_check import Pair, check_pairs
from draw_faces import draw
from faces import Face, random_faces
from sliders import load_ground

FACES = 24
OTHERS = (
    {"hair": ("red", "blond")},
    {"glasses": (True, False)},
    {"shirt": ("red", "blue")},
    {"eye_size": (1.2, 0.8)},
)
Latents = tuple[torch.Tensor, torch.Tensor]


def good(face: Face, concept: demo.Concept) -> tuple[Face, Face]:
    return tuple(replace(face, **{concept.attribute: value}) for value in (concept.more, concept.less))  # type: ignore[return-value]


def shifted(face: Face, concept: demo.Concept, number: int) -> tuple[Face, Face]:
    more, less = good(face, concept)
    random = np.random.default_rng(number)
    angle, size = random.uniform(0, 2 * np.pi), random.uniform(0.05, 0.1)
    return more, replace(less, x=less.x + size * np.cos(angle), y=less.y + size * np.sin(angle))


def other_attribute(face: Face, concept: demo.Concept, number: int) -> tuple[Face, Face]:
    ((name, (one, other)),) = OTHERS[number % len(OTHERS)].items()
    return replace(face, **{name: one}), replace(face, **{name: other})


def nothing_changed(face: Face, concept: demo.Concept, number: int) -> tuple[Face, Face]:
    return (good(face, concept)[0],) * 2


def another_face(face: Face, concept: demo.Concept, number: int) -> tuple[Face, Face]:
    other = random_faces(100, seed=11)[number]
    return good(face, concept)[0], good(other, concept)[1]


PLANTED = {
    "shifted": shifted,
    "other attribute": other_attribute,
    "nothing changed": nothing_changed,
    "another face": another_face,
}


def cycle_of(pairs: list[Latents]) -> Cycle:
    sides = [tuple(Example(f"{i:02}", "", pair[side], []) for i, pair in enumerate(pairs)) for side in (0, 1)]
    return Cycle((Bucket("more", sides[0], 0.5), Bucket("less", sides[1], -0.5)))


def area_under_curve(good_ones: list[float], bad_ones: list[float]) -> float:
    """The share of all pairs of a good and a bad one in which the bad one has more."""
    above = np.sign(np.subtract.outer(bad_ones, good_ones))
    return float((above + 1).mean() / 2)


def drawn(
    right: list[Latents], planted: list[Latents], count: int, draws: int, seed: int
) -> tuple[list[Pair], list[Pair]]:
    """The good and the bad pairs, as measured, of random sets of so many."""
    random = np.random.default_rng(seed)
    known: tuple[list[Pair], list[Pair]] = ([], [])
    for _ in range(draws):
        chosen = random.permutation(len(right))[:count]
        bad = set(random.permutation(count)[: max(1, count // 6)].tolist())
        pairs = [(planted if i in bad else right)[face] for i, face in enumerate(chosen)]
        for i, pair in enumerate(check_pairs(cycle_of(pairs)).pairs):
            known[i in bad].append(pair)
    return known


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--concept", choices=demo.CONCEPTS)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--draws", type=int, default=20)
    options = parser.parse_args()
    ground, faces = load_ground(), random_faces(FACES, seed=3)

    @torch.inference_mode()
    def latents(pair: tuple[Face, Face]) -> Latents:
        return tuple(ground.vae.encode(torch.from_numpy(draw(face))[None].float()) for face in pair)  # type: ignore[return-value]

    print("| concept | planted | AUC | planted ones named | good ones named wrongly |\n|---|---|---|---|---|")
    for name in [options.concept] if options.concept else demo.CONCEPTS:
        concept = demo.CONCEPTS[name]
        right = [latents(good(face, concept)) for face in faces]
        for kind, plant in PLANTED.items():
            wrong = [latents(plant(face, concept, i)) for i, face in enumerate(faces)]
            fine, bad = drawn(right, wrong, options.pairs, options.draws, seed=0)
            area = area_under_curve([p.suspicion for p in fine], [p.suspicion for p in bad])
            named = [sum(bool(pair.fault) for pair in pairs) for pairs in (bad, fine)]
            print(
                f"| {name} | {kind} | {area:.3f} | {named[0]} of {len(bad)} | {named[1]} of {len(fine)} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
