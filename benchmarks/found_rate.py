"""Trains sliders whose rate and end are found by measurement beside those of fixed rates, on the models of the bench.

    python3 scripts/run.py python benchmarks/found_rate.py --processes 16 --seconds 500 --output FOLDER    all of them
    python3 scripts/run.py python benchmarks/found_rate.py --kinds lora --concepts smile,eyes --seeds 1 --seconds 600
    python3 scripts/run.py python benchmarks/found_rate.py --table few --kinds lora --concepts smile --seeds 3
    python3 scripts/run.py python benchmarks/found_rate.py --summary FOLDER/rates.jsonl

A line of rates.jsonl for each training, as they come, and what they say together at the end (found_table.py). All is
measured from the pixels, on faces that training has not seen, by the network in scripts/demo/measure.py.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parent))

import figures
import found_table
import grounds
import torch

FIRST = (1e-5, 3e-3)  # rates of the first trial
FIXED = {
    "lora": (1e-4, 2e-4, 3.5e-4, 5e-4, 1e-3, 2e-3),
    "lokr": (5e-4, 1e-3, 2e-3, 3e-3, 6e-3, 1e-2),
    "full": (3e-6, 1e-5, 2e-5, 3e-5, 6e-5, 1e-4),
}
OTHERWISE: dict[str, dict[str, Any]] = {  # what might be a better way to find them
    "falls for half": {"cooling": 0.5},
    "ends at 0.85": {"settings": {"stop_at": 0.85}},
}
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
    cooling: float | None = None


def rates(concepts: list[str], kinds: list[str], seeds: int) -> Iterator[Case]:
    """The rate is found from each first trial, and set to each fixed one."""
    for seed in range(seeds):
        for concept in concepts:
            for kind in kinds:
                for first in FIRST:
                    settings = {"learning_rate": 0.0, "steps": STEPS}
                    yield Case(f"found from {first:g}", concept, kind, seed, first, settings=settings)
                for name, other in OTHERWISE.items():
                    settings = {"learning_rate": 0.0, "steps": STEPS, **other.get("settings", {})}
                    yield Case(name, concept, kind, seed, settings=settings, cooling=other.get("cooling"))
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


def measured(ground: Any, case: Case) -> dict[str, Any]:
    """Trains and measures one slider."""
    from concept_sliders.slider_core.adapters import AdapterConfig, uniform_plan
    from concept_sliders.slider_core.architectures import select_targets
    from concept_sliders.slider_core.data import Cycle
    from concept_sliders.slider_core.training import StepDone, TrainRequest, pace, paced, train

    concept = grounds.CONCEPTS[case.concept]
    plan = uniform_plan(select_targets(ground.model, preset=case.preset), AdapterConfig(case.kind, rank=4))
    buckets = grounds.buckets(ground, concept, grounds.Setup(paired=case.paired, pictures=case.pictures))
    pairing = "order" if case.paired else "random"
    cycle = Cycle(buckets, pairing=pairing, seed=case.seed, batch_size=case.batch_size)
    events: list[Any] = []
    started = time.process_time()
    cooling = case.cooling or pace.COOLING
    with patch.object(paced, "FIRST_TRIAL", case.first), patch.object(pace, "COOLING", cooling):
        request = TrainRequest(ground.model, plan, cycle, seed=case.seed, **case.settings)
        trained = train(request, events.append)
    seconds = time.process_time() - started
    told = next(event.learning_rate for event in events if isinstance(event, StepDone))
    looked, pictures = grounds.look(ground, trained.slider, concept)
    shown = figures.figures(looked, pictures, grounds.inside(concept))
    reach = trained.slider.metadata.get("concept_sliders.reach", "")
    return {**shown, "steps": trained.steps, "rate": told, "reach": reach, "seconds": seconds}


def work(options: argparse.Namespace, cases: list[Case], file: Path) -> None:
    """The cases of one process, as long as there is time for one more."""
    torch.set_num_threads(1)
    ground, longest = grounds.load_ground(options.model, options.noise_model), 0.0
    for case in cases:
        started = time.time()
        if started + longest > options.until:
            break
        try:
            line = {"model": options.model, **asdict(case), **measured(ground, case)}
        except Exception as error:  # one that fails is no reason to lose the others
            line = {"model": options.model, **asdict(case), "error": repr(error)}
        longest = max(longest, time.time() - started)
        with file.open("a") as lines:
            lines.write(json.dumps(line) + "\n")
        print(found_table.row(line), flush=True)


def share_out(options: argparse.Namespace) -> None:
    """The same command once for each part; rows come in the order in which they are done."""
    script = [sys.executable, str(grounds.ROOT / "scripts" / "in_comfyui.py"), "--cpu", *sys.argv]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    own = ["--until", str(options.until), "--part"]
    parts = [
        subprocess.Popen([*script, *own, str(part)], env=env, stderr=subprocess.DEVNULL if part else None)
        for part in range(options.processes)
    ]
    for part in parts:
        part.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", choices=TABLES, default="rates")
    parser.add_argument("--model", choices=grounds.MODELS, default="flow")
    parser.add_argument("--noise-model", type=Path, default=grounds.NOISE_FILE)
    parser.add_argument("--concepts", default=",".join(grounds.CONCEPTS))
    parser.add_argument("--kinds", default="lora,lokr,full")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--processes", type=int, default=1, help="of one thread each")
    parser.add_argument("--output", type=Path, default=grounds.ROOT / "demo_output" / "rates")
    parser.add_argument("--summary", type=Path, help="what the trainings in this file say together")
    parser.add_argument("--part", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--until", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.summary:
        return print(found_table.summaries(options.summary))
    cases = list(TABLES[options.table](options.concepts.split(","), options.kinds.split(","), options.seeds))
    file = options.output / "rates.jsonl"
    if options.part is not None:
        return work(options, cases[options.part :: options.processes], file)
    options.until = time.time() + options.seconds
    options.output.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    print(found_table.HEADING, flush=True)
    share_out(options) if options.processes > 1 else work(options, cases, file)
    print("\n" + found_table.summaries(file))
    return None


if __name__ == "__main__":
    main()
