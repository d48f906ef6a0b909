"""Trains sliders whose rate and end are found by measurement beside those of fixed rates, on the demo's face model.

    python3 scripts/run.py python benchmarks/found_rate.py                # three kinds, concepts and first trials
    python3 scripts/run.py python benchmarks/found_rate.py --table few    # fifteen steps
    python3 scripts/run.py python benchmarks/found_rate.py --kinds lora --concepts smile --seeds 3 --processes 2

Prints a row of the tables in SLIDERS.md for each training. Everything is measured from the pixels, on faces that
training has not seen, by the network in scripts/demo/measure.py.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parent))

import figures
import grounds
import torch

FIRST = (1e-5, 3e-3)  # rates of the first trial
FIXED = {"lora": (2e-4, 5e-4), "lokr": (1e-3, 3e-3), "full": (1e-5, 3e-5)}
STEPS = 150  # of the fixed rates, and the most of the others


@dataclass(frozen=True)
class Case:
    """A training."""

    name: str
    concept: str
    kind: str = "lora"
    seed: int = 0
    first: float = 1e-4
    paired: bool = True
    preset: str = "slider"
    batch_size: int = 1
    pictures: int = 6
    settings: dict[str, Any] = field(default_factory=dict)


def rates(concepts: list[str], kinds: list[str], seeds: int) -> Iterator[Case]:
    """The rate is found from each first trial, and set to each fixed one."""
    for seed in range(seeds):
        for concept in concepts:
            for kind in kinds:
                for first in FIRST:
                    settings = {"learning_rate": 0.0, "steps": STEPS}
                    yield Case(f"found from {first:g}", concept, kind, seed, first, settings=settings)
                for rate in FIXED[kind]:
                    settings = {"learning_rate": rate, "steps": STEPS}
                    yield Case(f"fixed at {rate:g}", concept, kind, seed, settings=settings)


def few(concepts: list[str], kinds: list[str], seeds: int) -> Iterator[Case]:
    """At most fifteen steps."""
    for seed in range(seeds):
        for concept in concepts:
            for kind in kinds:
                for preset in ("slider", "mlp"):
                    for batch, draws in ((1, 1), (6, 1), (6, 2), (1, 6)):
                        settings = {"learning_rate": 0.0, "steps": 15, "noise_draws": draws}
                        yield Case(
                            f"{preset}, {batch} pairs × {draws} draws a step", concept, kind, seed,
                            preset=preset, batch_size=batch, settings=settings,
                        )  # fmt: skip


TABLES = {"rates": rates, "few": few}
COLUMNS = ("range", "Spearman", "leak", "leak / range", "choices changed")


def measured(ground: Any, case: Case) -> dict[str, Any]:
    """Trains and measures one slider."""
    from concept_sliders.slider_core.adapters import AdapterConfig, uniform_plan
    from concept_sliders.slider_core.architectures import select_targets
    from concept_sliders.slider_core.data import Cycle
    from concept_sliders.slider_core.training import StepDone, TrainRequest, paced, train

    concept = grounds.CONCEPTS[case.concept]
    plan = uniform_plan(select_targets(ground.model, preset=case.preset), AdapterConfig(case.kind, rank=4))
    buckets = grounds.buckets(ground, concept, grounds.Setup(paired=case.paired, pictures=case.pictures))
    pairing = "order" if case.paired else "random"
    cycle = Cycle(buckets, pairing=pairing, seed=case.seed, batch_size=case.batch_size)
    events: list[Any] = []
    started = time.process_time()
    with patch.object(paced, "FIRST_TRIAL", case.first):
        request = TrainRequest(ground.model, plan, cycle, seed=case.seed, **case.settings)
        trained = train(request, events.append)
    seconds = time.process_time() - started
    told = next(event.learning_rate for event in events if isinstance(event, StepDone))
    looked, pictures = grounds.look(ground, trained.slider, concept)
    shown = figures.figures(looked, pictures, grounds.inside(concept))
    reach = trained.slider.metadata.get("concept_sliders.reach", "")
    return {**shown, "steps": trained.steps, "rate": told, "reach": reach, "seconds": seconds}


def row(case: Case, found: dict[str, Any]) -> str:
    cells = [case.concept, case.kind, case.name, str(case.seed), str(found["steps"]), f"{found['rate']:.2g}"]
    cells += [found["reach"], *(f"{found[column]:.3f}" for column in COLUMNS), f"{found['seconds']:.1f}"]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", choices=TABLES, default="rates")
    parser.add_argument("--concepts", default="smile,eyes,eye_size")
    parser.add_argument("--kinds", default="lora,lokr,full")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1, help="of one thread each")
    parser.add_argument("--part", type=int, help="which of the processes this is")
    options = parser.parse_args()
    cases = list(TABLES[options.table](options.concepts.split(","), options.kinds.split(","), options.seeds))
    heading = ["concept", "kind", "", "seed", "steps", "first rate", "reach", *COLUMNS, "CPU s"]
    if options.part is None:
        print(f"| {' | '.join(heading)} |\n|{'---|' * len(heading)}", flush=True)
    if options.part is None and options.processes > 1:
        share_out(options.processes)
        return
    torch.set_num_threads(1)
    ground = grounds.load_ground()
    for case in cases[options.part or 0 :: options.processes]:
        print(row(case, measured(ground, case)), flush=True)


def share_out(processes: int) -> None:
    """The same command once for each part; rows come in the order in which they are done."""
    script = [sys.executable, str(grounds.ROOT / "scripts" / "in_comfyui.py"), "--cpu", *sys.argv]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    parts = [subprocess.Popen([*script, "--part", str(part)], env=env) for part in range(processes)]
    for part in parts:
        part.wait()


if __name__ == "__main__":
    main()
