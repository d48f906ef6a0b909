"""How far four sliders disturb each other on the demo's model, and what counter-doses leave of it.

    python3 scripts/run.py python benchmarks/cross_talk.py [--pictures apart|tangled]     10 minutes on one core

Trains smile, eyes, eye size and face size of twelve pairs each: pictures `apart` differ in nothing else, `tangled` ones
in up to a third of the other three as well. Sweeps each at ±1 on four prompts with eight seeds; effects on each other
are read by the demo's network (what a user's eye or a scorer would say), and, for comparison, from pixels: the doses
with which the least of the pictures changes (least absolute deviations). Cross-talk is what is measured with these
doses on other seeds, and on other prompts: change of a concept by another's slider, over what its own slider does.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "scripts" / "demo"
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "scripts"), str(DEMO), str(DEMO / "custom_nodes")]

import demo  # noqa: E402
import measure  # noqa: E402
import numpy as np  # noqa: E402
import sliders  # noqa: E402
import torch  # noqa: E402
from comfy import sample  # noqa: E402
from concept_sliders.slider_core.adapters import AdapterConfig, uniform_plan  # noqa: E402
from concept_sliders.slider_core.applying.apply import AppliedSlider, apply_slider  # noqa: E402
from concept_sliders.slider_core.architectures import select_targets  # noqa: E402
from concept_sliders.slider_core.cross_effects import CrossEffects, from_scores  # noqa: E402
from concept_sliders.slider_core.data import Bucket, Cycle  # noqa: E402
from concept_sliders.slider_core.lora.reading import deltas_for  # noqa: E402
from concept_sliders.slider_core.strength import with_strength  # noqa: E402
from concept_sliders.slider_core.training import TrainRequest, train  # noqa: E402
from faces import random_faces  # noqa: E402
from response import CONCEPTS  # noqa: E402

NAMES = ("smile", "eyes", "eye_size", "face_size")
PAIRS, TANGLED = 12, 0.35
SEEDS, OTHER_SEEDS = range(1, 9), range(11, 19)
Array = np.ndarray[Any, Any]


def pairs(ground: Any, concept: str, tangled: Array) -> tuple[Bucket, Bucket]:
    """The same faces with more and with less of a concept, and of the others by `tangled` [concept] of their span."""

    def shown(face: Any, sign: int) -> Any:
        values = {}
        for name, part in zip(NAMES, tangled, strict=True):
            attribute, more, less = CONCEPTS[name]
            middle, half = (more + less) / 2, (more - less) / 2
            own = (
                middle
                if name == concept
                else min(max(getattr(face, attribute), less + half / 2), more - half / 2)
            )
            if part:
                values[attribute] = own + sign * part * half
        return replace(face, **values)

    faces = [
        f for f in random_faces(80, 50 + NAMES.index(concept)) if f.caption() not in demo.HELD_OUT.values()
    ]
    sides = []
    with torch.inference_mode():
        for name, sign in (("more", 1), ("less", -1)):
            examples = tuple(ground.example(i, shown(face, sign)) for i, face in enumerate(faces[:PAIRS]))
            sides.append(Bucket(name, examples, 0.5 * sign))
    return sides[0], sides[1]


def mixed(ground: Any, how: str) -> Any:
    """The model with the four sliders, at strength 0 and by name."""
    tangled = np.random.default_rng(3).uniform(-TANGLED, TANGLED, (4, 4)) * (how == "tangled")
    np.fill_diagonal(tangled, 1.0)
    plan = uniform_plan(select_targets(ground.model), AdapterConfig("lora", rank=4))
    model = ground.model
    for place, name in enumerate(NAMES):
        cycle = Cycle(pairs(ground, name, tangled[:, place]), pairing="name")
        slider = train(TrainRequest(ground.model, plan, cycle, steps=200, learning_rate=4e-4)).slider
        model = apply_slider(model, AppliedSlider(deltas_for(ground.model, slider)[0], 0.0, name))
    return model


class Looks:
    """Pictures of prompts and seeds at doses of the four sliders."""

    def __init__(self, how: str):
        self.ground, self.reader = sliders.load_ground(), measure.load()
        self.model = mixed(self.ground, how)

    def at(self, text: str, doses: Array) -> list[Any]:
        found = []
        for tensor, options in self.ground.text(text):
            for name, own in zip(NAMES, doses.T, strict=True):
                options = with_strength(options, own.tolist(), name)
            found.append([tensor, options])
        return found

    @torch.inference_mode()
    def look(self, texts: Sequence[str], seeds: Sequence[int], doses: Array) -> tuple[Array, Array]:
        """Pictures [rows, doses, pixels, 3] and concepts [rows, doses, 4]."""
        pictures, concepts = [], []
        empty = torch.zeros(len(doses), 16, 16, 16)
        for text in texts:
            for seed in seeds:
                noise = sample.prepare_noise(empty[:1], seed).expand_as(empty).clone()
                latents = sample.sample(
                    self.model, noise, 12, 2.5, "euler", "simple", self.at(text, doses), self.at("", doses), empty,
                    disable_pbar=True, seed=seed,
                )  # fmt: skip
                shown = self.ground.vae.decode(latents)[..., :3].float()
                found = measure.measure(self.reader, shown)
                concepts.append(np.stack([found[CONCEPTS[name][0]] for name in NAMES], axis=1))
                small = torch.nn.functional.adaptive_avg_pool2d(shown.movedim(-1, 1), 64)
                pictures.append(small.flatten(2).movedim(1, -1).numpy())
        return np.stack(pictures), np.stack(concepts)


def both_ways(doses: Array) -> Array:
    """Each row of doses, and the opposite of each: [2 N, N]."""
    return np.concatenate([doses, -doses])


def effects_of(concepts: Array) -> CrossEffects:
    """The cross-effects that concepts [rows, 2 N, N] at ±1 of each slider tell."""
    means = concepts.mean(0)
    return from_scores(NAMES, means[:4], means[4:])


def least_changing(pictures: Array) -> Array:
    """The doses [slider moved, slider] that change the least of pictures [rows, 2 N, pixels, 3] at ±1 of each."""
    change = (pictures[:, :4] - pictures[:, 4:]).astype(np.float64)  # [rows, N, pixels, 3]
    flat, doses = change.swapaxes(0, 1).reshape(4, -1, 3), np.eye(4)
    for own in range(4):
        others = [n for n in range(4) if n != own]
        found = np.zeros(3)
        for _ in range(40):
            rest = flat[own] - np.einsum("n,npc->pc", found, flat[others])
            weight = 1 / np.maximum(np.linalg.norm(rest, axis=1), 1e-4)
            weighted = flat[others] * weight[:, None]
            normal = np.einsum("npc,mpc->nm", weighted, flat[others])
            found = np.linalg.solve(normal, np.einsum("npc,pc->n", weighted, flat[own]))
        doses[own, others] = -found
    return doses


def line(name: str, concepts: Array, own: Array) -> str:
    """Cross-talk of concepts [rows, 2 N, N] at ±1 of each slider; `own`: what each slider alone does to its own."""
    change = (concepts[:, :4] - concepts[:, 4:]) / own  # [rows, slider, concept]
    mean, error = change.mean(0), change.std(0) / np.sqrt(len(change))
    off = ~np.eye(4, dtype=bool)
    kept = np.diag(mean)
    talk = np.abs(mean)[off]
    cells = [f"{value:.3f}" for value in (talk.mean(), talk.max(), error[off].mean())]
    return f"| {name} | {' | '.join(cells)} | {kept.min():.2f} to {kept.max():.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", choices=["apart", "tangled"], default="tangled")
    options = parser.parse_args()
    torch.set_num_threads(1)
    looks, known = Looks(options.pictures), list(demo.HELD_OUT.values())
    new = [text for text in dict.fromkeys(f.caption() for f in random_faces(60, 99)) if text not in known]
    pictures, concepts = looks.look(known, SEEDS, both_ways(np.eye(4)))
    found = effects_of(concepts)
    print(f"{found.as_text()}\n", flush=True)
    ways = {
        "alone": np.eye(4),
        "counter-doses, read by the network": np.array([found.strengths(wanted) for wanted in np.eye(4)]),
        "counter-doses, from pixels": least_changing(pictures),
    }
    print("| four sliders | cross-talk, mean | largest | its error | own effect |\n|" + "---|" * 5)
    for where, texts, seeds in (
        ("other seeds", known, OTHER_SEEDS),
        ("other prompts", new[:16], OTHER_SEEDS[:2]),
    ):
        own = None
        for name, doses in ways.items():
            _, seen = looks.look(texts, seeds, both_ways(doses))
            if own is None:
                own = np.diag((seen[:, :4] - seen[:, 4:]).mean(0))
            print(line(f"{name}, {where}", seen, own), flush=True)


if __name__ == "__main__":
    main()
