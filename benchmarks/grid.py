"""The grid of the slider table: its cells in order of importance, the processes that work on them, the tables."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MODELS = ("flow", "noise")
SETUPS: dict[str, dict[str, Any]] = {
    "6 pairs": {},
    "6 + 6 unpaired": {"paired": False},
    "1 pair": {"pictures": 1},
    "20 pairs": {"pictures": 20},
    "6 pairs, captions name it": {"named": True},
    "words": {},
}
PICTURES = (
    "denoise;denoise, low noise;difference;difference, low noise;denoise, mlp;difference, low noise, mlp;SimpleTuner;"
    "Concept Sliders, pictures;Fizgig;ADDifT;T2ITrainer;denoise, neutral anchor;denoise, neutral plain;"
    "denoise, two strengths a side;alternate"
).split(";")
UNPAIRED = (
    "denoise;denoise, low noise;denoise, low noise, 3 × rate;difference;difference, 3 × rate;difference, low noise;"
    "difference, low noise, 3 × rate;denoise, mlp;difference, low noise, mlp;SimpleTuner;denoise, neutral anchor"
).split(";")
WORDS = (
    "words;words, guidance 1;words, preserve;Concept Sliders, words;FLUX sliders;LECO;ai-toolkit;musubi-tuner, words;"
    "words and pictures"
).split(";")
KINDS = [
    f"denoise, {kind}" for kind in "attention dora rslora loha lokr oft boft glora ia3 dylora full".split()
]
FEW = ["denoise", "denoise, low noise", "difference, low noise"]


@dataclass(frozen=True)
class Cell:
    """One training and its measurement."""

    model: str
    concept: str
    setup: str
    method: str
    seed: int


def cells(models: Sequence[str] = MODELS) -> Iterator[Cell]:
    """All of them: first what matters most, of everything the first seed before the second."""
    for seed in range(3):
        for setup, methods in (("6 pairs", PICTURES), ("6 + 6 unpaired", UNPAIRED)):
            for method in methods:
                yield from (Cell(model, "smile", setup, method, seed) for model in models)
        if "noise" in models:
            yield from (Cell("noise", "smile", "words", method, seed) for method in WORDS)
    for method in KINDS:
        yield from (Cell(model, "smile", "6 pairs", method, 0) for model in models)
    for seed in range(2):
        for concept in ("eyes", "eye_size", "face_size"):
            for setup in ("6 pairs", "6 + 6 unpaired"):
                for method in FEW:
                    yield from (Cell(model, concept, setup, method, seed) for model in models)
        for setup, methods in (
            ("1 pair", [*FEW, "Fizgig"]),
            ("20 pairs", FEW),
            ("6 pairs, captions name it", FEW),
        ):
            for method in methods:
                chosen = [m for m in models if m == "noise" or "captions" not in setup]
                yield from (Cell(model, "smile", setup, method, seed) for model in chosen)


def measured(cell: Cell, loaded: dict[str, Any], noise_model: Path) -> dict[str, Any]:
    """Trains and measures one cell, in this process; models stay in `loaded`."""
    import figures
    import grounds
    import methods

    if cell.model not in loaded:
        loaded[cell.model] = grounds.load_ground(cell.model, noise_model)
    ground, concept = loaded[cell.model], grounds.CONCEPTS[cell.concept]
    setup = grounds.Setup(**SETUPS[cell.setup])
    slider, seconds = methods.trained(ground, cell.concept, setup, methods.METHODS[cell.method], cell.seed)
    looked, pictures = grounds.look(ground, slider, concept)
    shown = figures.figures(looked, pictures, grounds.inside(concept))
    leak = {name: float(values[[0, -1]].mean()) for name, values in looked.leak().items()}
    means = {name: values.mean(0).tolist() for name, values in looked.found.items() if values.dtype.kind == "f"}
    return {**asdict(cell), "figures": {**shown, "seconds": seconds}, "leaks": leak, "means": means}


def serve(noise_model: Path, steps: int) -> None:
    """A worker: cells come in and results go out, a line of JSON each."""
    import methods
    import torch

    torch.set_num_threads(1)
    methods.STEPS = steps
    answers, sys.stdout = sys.stdout, sys.stderr
    loaded: dict[str, Any] = {}
    for line in sys.stdin:
        try:
            answer = measured(Cell(**json.loads(line)), loaded, noise_model)
        except Exception as error:  # one cell that fails is no reason to lose the others
            answer = {**json.loads(line), "error": repr(error)}
        print(json.dumps(answer), file=answers, flush=True)


class Pool:
    """Processes of one thread each that share the cells out among themselves until the time is up, and end then."""

    def __init__(self, todo: Sequence[Cell], file: Path, noise_model: Path, steps: int):
        self.todo, self.file = list(todo), file
        self.asked = ["--serve", "--noise-model", str(noise_model), "--steps", str(steps)]
        self.results: list[dict[str, Any]] = []
        self.workers: list[subprocess.Popen[str]] = []
        self.lock = threading.Lock()

    def run(self, cpu: int, gpu: int, seconds: float) -> list[dict[str, Any]]:
        kinds = [["--force-fp32"]] * gpu + [["--cpu"]] * cpu
        threads = [threading.Thread(target=self.work, args=(kind,)) for kind in kinds]
        end = threading.Timer(seconds, self.stop)
        for thread in (end, *threads):
            thread.start()
        for thread in threads:
            thread.join()
        end.cancel()
        return self.results

    def stop(self) -> None:
        """What is being worked on is lost."""
        with self.lock:
            self.todo.clear()
            for worker in self.workers:
                worker.kill()

    def work(self, kind: list[str]) -> None:
        script = [str(ROOT / "scripts" / "in_comfyui.py"), *kind, str(ROOT / "benchmarks" / "sliders.py")]
        env = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        log = self.file.with_suffix(".log").open("a")
        worker = subprocess.Popen(
            [sys.executable, *script, *self.asked],
            env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
        assert worker.stdin and worker.stdout
        self.workers.append(worker)
        while (cell := self.next()) is not None:
            begun = time.time()
            try:
                worker.stdin.write(json.dumps(asdict(cell)) + "\n")
                worker.stdin.flush()
                answer = worker.stdout.readline()
            except OSError:
                break
            if not answer:
                break
            self.keep(json.loads(answer), begun, kind)
        worker.kill()
        worker.wait()
        log.close()

    def next(self) -> Cell | None:
        with self.lock:
            return self.todo.pop(0) if self.todo else None

    def keep(self, result: dict[str, Any], begun: float, kind: list[str]) -> None:
        with self.lock:
            self.results.append(result)
            with self.file.open("a") as file:
                file.write(json.dumps({**result, "on": kind[0]}) + "\n")
            note = result.get("error") or f"range {result['figures']['range']:.2f}"
            self.file.with_name("tables.md").write_text(tables(self.results) + "\n", encoding="utf-8")
            names = " · ".join(str(result[name]) for name in ("model", "concept", "setup", "method", "seed"))
            print(f"{names}: {note}, {time.time() - begun:.0f} s", flush=True)


def tables(results: Sequence[dict[str, Any]]) -> str:
    """A table for each model, concept and set of pictures, methods in the order of the grid."""
    from figures import heading, row

    order = {cell: place for place, cell in enumerate(cells())}
    known = sorted((r for r in results if "figures" in r), key=lambda r: order.get(cell_of(r), len(order)))
    groups: dict[tuple[str, str, str], dict[str, list[dict[str, float]]]] = {}
    for result in known:
        group = groups.setdefault((result["concept"], result["setup"], result["model"]), {})
        group.setdefault(result["method"], []).append(result["figures"])
    parts = []
    for (concept, setup, model), group in sorted(
        groups.items(), key=lambda item: item[0][:2] != ("smile", "6 pairs")
    ):
        lines = [row(method, runs) for method, runs in group.items()]
        parts.append("\n".join([heading(f"{concept}, {setup}, {model} model"), *lines]))
    return "\n\n".join(parts) + preserved(known)


def cell_of(result: dict[str, Any]) -> Cell:
    return Cell(*(result[name] for name in ("model", "concept", "setup", "method", "seed")))


def preserved(results: Sequence[dict[str, Any]]) -> str:
    """How much less the named attributes leak with a list of what to preserve, and how much range it costs."""
    by = {name: [r for r in results if r["method"] == name] for name in ("words", "words, preserve")}
    if not all(by.values()) or any(r["figures"]["range"] < 0.1 for group in by.values() for r in group):
        return ""

    def mean(name: str, value: Any) -> float:
        return sum(map(value, by[name])) / len(by[name])

    def moved(result: dict[str, Any], attribute: str) -> float:
        means = result["means"][attribute]
        return abs(means[-1] - means[0])

    texts = []
    for attribute in ("eye_brightness", "eye_size"):
        without, kept = (mean(name, lambda r: moved(r, attribute)) for name in by)  # noqa: B023
        texts.append(
            f"{attribute} moves {without:.3f} from −1 to +1 without and {kept:.3f} with ({1 - kept / without:.0%} less)"
        )
    without, kept = (mean(name, lambda r: r["figures"]["range"]) for name in by)
    texts.append(f"the range is {without:.2f} and {kept:.2f} ({1 - kept / without:.0%} less)")
    return "\n\nThe list of what to preserve: " + "; ".join(texts) + "."
