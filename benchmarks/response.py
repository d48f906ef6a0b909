"""Trains many sliders on the demo's face model and keeps what each makes of held-out faces, in a file each.

    python3 scripts/run.py python benchmarks/response.py FOLDER [--set grid] [--seconds 235] [--cpu 12] [--gpu 4]

Each process takes the next slider that nobody has taken. A file holds the pictures of a sweep (48 pixels), every true
attribute read from the full pictures.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "scripts" / "demo"
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "scripts"), str(DEMO), str(DEMO / "custom_nodes")]

CONCEPTS = {
    "smile": ("smile", 0.95, -0.95),
    "eyes": ("eye_brightness", 1.0, 0.0),
    "eye_size": ("eye_size", 1.2, 0.8),
    "face_size": ("face_size", 1.1, 0.9),
    "x": ("x", 0.08, -0.08),
    "y": ("y", 0.06, -0.06),
}
STRENGTHS = (-4.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 4.0)
KEPT = 48  # pixels of the pictures that are kept


@dataclass(frozen=True)
class Task:
    """A slider to train."""

    concept: str = "smile"
    pictures: int = 6
    paired: bool = True
    preset: str = "slider"
    kind: str = "lora"
    rank: int = 4
    rate: float = 3e-4
    steps: int = 150
    objective: str = "denoise"
    seed: int = 0

    @property
    def name(self) -> str:
        parts = [self.concept, str(self.pictures), "pairs" if self.paired else "apart", self.preset, self.kind]
        how = [str(self.rank), f"{self.rate:g}", str(self.steps), self.objective, str(self.seed)]
        return "_".join([*parts, *how])


def grid() -> list[Task]:
    tasks = [Task(rate=rate) for rate in (3e-5, 1e-4, 3e-4, 1e-3, 3e-3)]
    tasks += [Task(concept, rate=rate) for concept in ("eye_size", "eyes") for rate in (1e-4, 3e-4, 1e-3)]
    tasks += [Task(c, paired=False, rate=rate) for c in ("smile", "eye_size") for rate in (2e-4, 5e-4, 1.5e-3)]
    tasks += [
        Task(c, kind="lokr", rate=rate) for rate in (3e-4, 1e-3, 3e-3, 1e-2) for c in ("smile", "eye_size")
    ]
    tasks += [
        Task(c, kind="full", rate=rate)
        for rate in (3e-6, 1e-5, 3e-5, 1e-4, 3e-4)
        for c in ("smile", "eye_size")
    ]
    tasks += [Task("face_size", rate=rate) for rate in (1e-4, 3e-4, 1e-3)]
    tasks += [Task(preset="mlp", paired=p, rate=rate) for p in (True, False) for rate in (2e-4, 6e-4)]
    tasks += [Task(pictures=1, rate=5e-4), Task("eyes", pictures=1, rate=5e-4), Task(pictures=24, rate=5e-4)]
    tasks += [Task(pictures=24, paired=False, rate=5e-4), Task("eyes", paired=False, rate=5e-4)]
    tasks += [Task("eyes", paired=False, rate=2e-4), Task("face_size", paired=False, rate=5e-4)]
    tasks += [Task(rate=1e-3, rank=1), Task(rate=2e-4, rank=16), Task("x", rate=3e-4), Task("y", rate=3e-4)]
    tasks += [Task(paired=False, objective="difference", rate=1e-3), Task("eye_size", rate=3e-3)]
    tasks += [Task(preset="mlp", concept="eye_size", rate=2e-4), Task("eyes", preset="mlp", rate=1e-4)]
    tasks += [Task(rate=rate, seed=1) for rate in (1e-4, 3e-4, 1e-3)]
    tasks += [Task(paired=False, rate=5e-4, seed=1), Task("eye_size", paired=False, rate=5e-4, seed=1)]
    return tasks


def unseen() -> list[Task]:
    """Sliders that no threshold of the report was chosen by."""
    tasks = [Task(c, pictures=8, rate=r, seed=5) for c in ("smile", "eyes", "eye_size") for r in (2e-4, 8e-4)]
    tasks += [Task(c, pictures=8, paired=False, rate=4e-4, seed=5) for c in ("smile", "eyes", "eye_size")]
    tasks += [Task(c, pictures=3, preset="mlp", rate=3e-4, seed=5) for c in ("smile", "eyes")]
    tasks += [Task(c, pictures=8, kind="full", rate=1.5e-4, seed=5) for c in ("smile", "eyes")]
    return [*tasks, Task("face_size", pictures=8, rate=2e-4, seed=5), Task(pictures=2, rate=1.5e-3, seed=5)]


SETS = {
    "four": lambda: [Task(c, rate=3e-4) for c in ("smile", "eyes", "eye_size", "face_size")],
    "few": lambda: [Task(rate=1e-4), Task(rate=1e-3), Task(paired=False, rate=5e-4)],
    "grid": grid,
    "unseen": unseen,
    "quick": lambda: [Task(rate=1e-3, steps=10), Task(paired=False, rate=1e-3, steps=10)],
}


def cycle(ground: Any, task: Task) -> Any:
    """The training's pictures."""
    import demo
    from concept_sliders.slider_core.data import Bucket, Cycle
    from faces import random_faces

    attribute, more, less = CONCEPTS[task.concept]
    faces = [face for face in random_faces(80, seed=7) if face.caption() not in demo.HELD_OUT.values()]
    n = task.pictures
    of_less = faces[:n] if task.paired else faces[n : 2 * n]

    def bucket(name: str, chosen: list[Any], value: float, strength: float) -> Any:
        examples = [ground.example(i, replace(f, **{attribute: value})) for i, f in enumerate(chosen)]
        return Bucket(name, tuple(examples), strength)

    with torch.inference_mode():
        more_bucket = bucket("more", faces[:n], more, 0.5)
        less_bucket = bucket("less", of_less, less, -0.5)
    pairing = "name" if task.paired else "random"
    return Cycle((more_bucket, less_bucket), pairing=pairing, seed=task.seed)


def trained_slider(ground: Any, task: Task) -> Any:
    """The training of a task, done."""
    from concept_sliders.slider_core.adapters import AdapterConfig, uniform_plan
    from concept_sliders.slider_core.architectures import select_targets
    from concept_sliders.slider_core.training import TrainRequest, train

    plan = uniform_plan(select_targets(ground.model, task.preset), AdapterConfig(task.kind, rank=task.rank))
    return train(
        TrainRequest(
            ground.model, plan, cycle(ground, task), seed=task.seed, steps=task.steps, learning_rate=task.rate,
            objective=task.objective,
        )
    )  # fmt: skip


def made(ground: Any, task: Task, folder: Path) -> dict[str, Any]:
    from concept_sliders.slider_core.files import save

    trained = trained_slider(ground, task)
    if task.kind == "lora":
        save(trained.slider, folder / f"{task.name}.safetensors")
    return {"losses": np.array(trained.losses["loss"]), **looked(ground, trained.slider)}


@torch.inference_mode()
def looked(ground: Any, slider: Any) -> dict[str, Any]:
    """A sweep over held-out faces: every attribute, and the pictures."""
    import demo
    import measure
    from concept_sliders.slider_core.applying.sampling import SamplerSettings
    from concept_sliders.slider_core.evaluation.prompts import Prompt
    from concept_sliders.slider_core.evaluation.sweep import Sweep, Variant, decode, sample_sweep, stills
    from concept_sliders.slider_core.lora.reading import deltas_for

    texts = list(demo.HELD_OUT.items())[:3]
    prompts = tuple(Prompt(name, text, conditioning=ground.text(text)) for name, text in texts)
    sweep = Sweep(prompts, (1, 2), STRENGTHS)
    deltas, _ = deltas_for(ground.model, slider)
    settings = SamplerSettings(steps=12, cfg=2.5)
    latents = sample_sweep(
        [Variant(ground.model, deltas)], sweep, ground.text(""), torch.zeros(1, 16, 16, 16), settings
    )
    pictures = stills(decode(latents, ground.vae.decode))
    true = measure.measure(measure.load(), pictures.flatten(0, 1))
    small = torch.nn.functional.adaptive_avg_pool2d(pictures.flatten(0, 1).movedim(-1, 1), KEPT)
    kept = (small.clamp(0, 1) * 255).round().byte().numpy().reshape(*pictures.shape[:2], 3, KEPT, KEPT)
    rows = pictures.shape[:2]
    return {"pictures": kept, "strengths": np.array(STRENGTHS)} | {
        f"true_{name}": values.reshape(rows) for name, values in true.items()
    }


def work(folder: Path, tasks: list[Task], until: float) -> None:
    import sliders

    torch.set_num_threads(1)
    ground = sliders.load_ground()
    longest = 0.0
    for task in tasks:
        if time.time() + longest > until:
            break
        try:
            os.close(os.open(folder / f"{task.name}.taken", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        started = time.time()
        try:
            found = made(ground, task, folder)
        except Exception as error:
            print(f"{task.name}: {error!r}", flush=True)
            continue
        longest = max(longest, time.time() - started)
        found["task"] = json.dumps(dataclasses.asdict(task) | {"device": str(ground.model.load_device)})
        np.savez_compressed(
            folder / f"{task.name}.npz", **{key: np.array(value) for key, value in found.items()}
        )
        print(f"{task.name} {time.time() - started:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--set", choices=SETS, default="grid")
    parser.add_argument("--seconds", type=float, default=235)
    parser.add_argument("--cpu", type=int, default=1)
    parser.add_argument("--gpu", type=int, default=0)
    parser.add_argument("--until", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    tasks = SETS[options.set]()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.until:
        return work(options.folder, tasks, options.until)
    until = time.time() + options.seconds
    script = [str(ROOT / "scripts" / "in_comfyui.py")]
    own = [__file__, str(options.folder), "--set", options.set, "--until", str(until)]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    kinds = [["--cpu"]] * options.cpu + [["--force-fp32"]] * options.gpu
    workers = []
    for number, kind in enumerate(kinds):
        log = (options.folder / f"worker_{number}.log").open("w")
        command = [sys.executable, *script, *kind, *own]
        workers.append(subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT))
    for worker in workers:
        worker.wait()
    for taken in options.folder.glob("*.taken"):
        taken.unlink()
    print(
        f"{len(list(options.folder.glob('*.npz')))} of {len(tasks)} sliders, "
        f"{options.seconds - until + time.time():.0f} s"
    )


if __name__ == "__main__":
    main()
