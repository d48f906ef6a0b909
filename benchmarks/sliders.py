"""Trains sliders by many methods on two small models of faces, and measures each on faces training has not seen.

    python3 scripts/run.py bench-sliders                                  15 minutes on two cores: what matters most
    python3 scripts/run.py bench-sliders --seconds 3600 --cpu 8 --output FOLDER
    python3 scripts/run.py bench-sliders --methods "denoise;Fizgig" --concepts smile --setups "6 pairs"
    python3 scripts/run.py bench-sliders --tables FOLDER/results.jsonl    the tables of a run that is over

Cells (a model, a concept, a set of pictures, a method, a seed) are worked through in the order of importance until
the time is up, and what is not done then is lost; the tables say how many runs each line is made of. Every number but
the seconds comes again with the same seeds on the same machine. SLIDERS.md explains the columns.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import grid
import grounds
import methods
from figures import figures, row  # noqa: F401
from grounds import Ground, Setup, demo, load_ground, measure, results  # noqa: F401


def trained(
    ground: Ground, concept: Any, paired: bool, seed: int, preset: str = "slider", **settings: Any
) -> Any:
    """A slider of rank 4 on six pictures a side, as Train Slider makes it with these settings."""
    from concept_sliders.slider_core.adapters import AdapterConfig, uniform_plan
    from concept_sliders.slider_core.architectures import select_targets
    from concept_sliders.slider_core.data import Cycle
    from concept_sliders.slider_core.training import TrainRequest, train

    kind = settings.pop("kind", "lora")
    plan = uniform_plan(select_targets(ground.model, preset=preset), AdapterConfig(kind, rank=4))
    buckets = grounds.buckets(ground, concept, Setup(paired=paired))
    cycle = Cycle(buckets, pairing="order" if paired else "random", seed=seed)
    return train(TrainRequest(ground.model, plan, cycle, seed=seed, **settings))


def look(ground: Ground, slider: Any, concept: Any, strengths: Any = grounds.STRENGTHS, seeds: int = 2) -> Any:
    """Every attribute of the held-out faces at each strength."""
    return grounds.look(ground, slider, concept, strengths, seeds)[0]


def chosen(options: argparse.Namespace) -> list[grid.Cell]:
    """The cells of the grid, or all of what is asked for."""
    models = grid.MODELS if options.unet.is_file() else ("flow",)
    models = tuple(model for model in models if not options.models or model in options.models.split(";"))
    if not (options.methods or options.concepts or options.setups):
        return list(grid.cells(models))
    return [
        grid.Cell(model, concept, setup, method.strip(), seed)
        for seed in range(options.seeds)
        for concept in (options.concepts or "smile").split(";")
        for setup in (options.setups or "6 pairs").split(";")
        for method in (options.methods or ";".join(methods.METHODS)).split(";")
        for model in models
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=870)
    parser.add_argument("--cpu", type=int, default=2, help="processes of one thread")
    parser.add_argument("--gpu", type=int, default=0, help="more processes, which use the GPU")
    parser.add_argument("--output", type=Path, default=grounds.ROOT / "demo_output" / "sliders")
    parser.add_argument("--methods", help="separated by semicolons; what is not said is as in the grid")
    parser.add_argument("--concepts", help=f"of {', '.join(grounds.CONCEPTS)}")
    parser.add_argument("--setups", help=f"of {'; '.join(grid.SETUPS)}")
    parser.add_argument("--models", help="flow; noise")
    parser.add_argument("--steps", type=int, default=methods.STEPS, help="of each training")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--unet", type=Path, default=grounds.UNET_FILE)
    parser.add_argument("--tables", type=Path, help="print the tables of these results")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return grid.serve(options.unet, options.steps)
    if options.tables:
        print(grid.tables([json.loads(line) for line in options.tables.read_text().splitlines()]))
        return None
    options.output.mkdir(parents=True, exist_ok=True)
    file = options.output / "results.jsonl"
    file.unlink(missing_ok=True)
    todo = chosen(options)
    pool = grid.Pool(todo, file, options.unet, options.steps)
    done = pool.run(options.cpu, options.gpu, options.seconds)
    text = grid.tables(done)
    (options.output / "tables.md").write_text(text + "\n", encoding="utf-8")
    print(f"\n{len(done)} of {len(todo)} cells\n\n{text}")
    return None


if __name__ == "__main__":
    main()
