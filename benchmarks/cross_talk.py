"""How far four sliders disturb each other on the demo's model, and what counter-doses leave of it.

    python3 scripts/run.py python benchmarks/cross_talk.py [--pictures apart|tangled]     10 minutes on one core

Trains smile, eyes, eye size and face size of twelve pairs each: pictures `apart` differ in nothing else, `tangled` ones
in up to a third of the other three as well. Finds their response curves, and sweeps each at ±1 on four prompts; effects
on each other are read by the demo's network (what a user's eye or a scorer would say) and, to compare, from pixels: the
doses with which the least of the pictures changes (least absolute deviations). The second counter-doses mend what is
seen with the first. Cross-talk is what is measured with these doses on other seeds and on other prompts: change of a
concept by another's slider, over what its own slider does.
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
from concept_sliders.slider_core.evaluation.report import report  # noqa: E402
from concept_sliders.slider_core.evaluation.response import curve_of_report  # noqa: E402
from concept_sliders.slider_core.evaluation.sweep import small  # noqa: E402
from concept_sliders.slider_core.lora.reading import deltas_for  # noqa: E402
from concept_sliders.slider_core.strength import with_strength  # noqa: E402
from concept_sliders.slider_core.training import TrainRequest, train  # noqa: E402
from faces import random_faces  # noqa: E402
from response import CONCEPTS, KEPT  # noqa: E402

NAMES = ("smile", "eyes", "eye_size", "face_size")
PAIRS, TANGLED = 12, 0.35
SWEPT = [float(s) for s in np.linspace(-2, 2, 9)]
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


def trained(ground: Any, how: str) -> dict[str, Any]:
    """What each of the four sliders adds to the model's layers."""
    tangled = np.random.default_rng(3).uniform(-TANGLED, TANGLED, (4, 4)) * (how == "tangled")
    np.fill_diagonal(tangled, 1.0)
    plan, found = uniform_plan(select_targets(ground.model), AdapterConfig("lora", rank=4)), {}
    for place, name in enumerate(NAMES):
        cycle = Cycle(pairs(ground, name, tangled[:, place]), pairing="name")
        slider = train(TrainRequest(ground.model, plan, cycle, steps=200, learning_rate=4e-4)).slider
        found[name] = deltas_for(ground.model, slider)[0]
    return found


class Looks:
    """Pictures of prompts and seeds at doses of the four sliders, by their response curves once these are found."""

    def __init__(self, how: str):
        self.ground, self.reader = sliders.load_ground(), measure.load()
        self.deltas = trained(self.ground, how)
        self.curves: dict[str, Any] = {}
        self.model = self.mixed()

    def mixed(self) -> Any:
        """The model with the four sliders, at strength 0 and by name."""
        model = self.ground.model
        for name, deltas in self.deltas.items():
            model = apply_slider(model, AppliedSlider(deltas, 0.0, name, curve=self.curves.get(name)))
        return model

    def find_curves(self, texts: Sequence[str], seeds: Sequence[int]) -> None:
        """Sweeps each slider, as Slider Sweep does."""
        for place, name in enumerate(NAMES):
            doses = np.zeros((len(SWEPT), 4))
            doses[:, place] = SWEPT
            rows = [torch.from_numpy(row) for row in self.look(texts, seeds, doses)[0]]
            seen = [small(row.reshape(len(SWEPT), 1, KEPT, KEPT, 3)) for row in rows]
            self.curves[name] = curve_of_report(report(SWEPT, seen))
        self.model = self.mixed()

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
                kept = torch.nn.functional.adaptive_avg_pool2d(shown.movedim(-1, 1), KEPT)
                pictures.append(kept.flatten(2).movedim(1, -1).numpy())
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
    parser.add_argument("--seeds", type=int, default=8, help="for the effects, and as many others to look at")
    options = parser.parse_args()
    torch.set_num_threads(1)
    looks, known = Looks(options.pictures), list(demo.HELD_OUT.values())
    new = [text for text in dict.fromkeys(f.caption() for f in random_faces(60, 99)) if text not in known]
    count = options.seeds
    looks.find_curves(known, range(21, 23))
    print(
        {name: curve and [round(curve.raw(s), 2) for s in (-1, 1)] for name, curve in looks.curves.items()},
        flush=True,
    )
    seeds, other, doses = range(1, 1 + count), range(11, 11 + count), np.eye(4)
    ways = {"alone": doses}
    for number in ("first", "second"):
        pictures, concepts = looks.look(known, seeds, both_ways(doses))
        if number == "first":
            pixels = least_changing(pictures)
        found = effects_of(concepts)
        print(f"{found.as_text()}\n", flush=True)
        doses = np.array([found.strengths(wanted) for wanted in np.eye(4)]) @ doses
        ways[f"{number} counter-doses"] = doses
    ways["from pixels"] = pixels
    print("| four sliders | cross-talk, mean | largest | its error | own effect |\n|" + "---|" * 5)
    own = {}
    for name, doses in ways.items():
        for where, texts, seeds in (("seeds", known, other), ("prompts", new[: 2 * count], other[:2])):
            seen = looks.look(texts, seeds, both_ways(doses))[1]
            own.setdefault(where, np.diag((seen[:, :4] - seen[:, 4:]).mean(0)))
            print(line(f"{name}, other {where}", seen, own[where]), flush=True)


if __name__ == "__main__":
    main()
