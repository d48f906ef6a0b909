"""Measures one case in a process of its own (gpu.py starts it), and prints a line for each row as it comes."""

from __future__ import annotations

import argparse
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import applying_cases
import gradients
import meter
import torch
import training_cases
from measured import Case, Row, tell
from random_models import DTYPES, built, loaded, write
from sizes import SIZES


def measurements(case: Case, given: argparse.Namespace) -> Iterator[Callable[[], Iterable[Row]]]:
    """Pieces of work to be done one after the other, each by itself, so that one failing leaves the others."""
    if given.case == "apply":
        yield from [lambda: applying_cases.apply(case)] * given.rounds
    elif given.case == "sweep":
        yield lambda: applying_cases.sweep(case)
    elif given.case.startswith("node"):
        yield lambda: [training_cases.node(case, "ours" in given.case, "bypass" in given.case)]
    elif given.case == "step":
        yield lambda: [training_cases.forward(case)]
    elif given.case == "gradient":
        yield lambda: [
            gradients.compared(case, given.out / f"gradient-{case.name}-{given.dtype}-{case.pixels}.pt")
        ]
    modes = [True] if given.case in ("small", "gradient") else given.checkpointing
    for checkpointing in [mode for mode in modes for _ in range(given.rounds)]:
        if given.case == "step":
            yield lambda c=checkpointing: [bare(case, c)]
        if given.case in ("step", "level", "small", "profile"):
            yield lambda c=checkpointing: [step(case, c, given)]


def bare(case: Case, checkpointing: bool) -> Row:
    row = training_cases.bare(case, checkpointing)
    return {**row, **case.ratio(row["what"], "forward")}


def step(case: Case, checkpointing: bool, given: argparse.Namespace) -> Row:
    path = given.out / "profiles.txt" if given.case == "profile" else None
    row = training_cases.step(case, checkpointing, path)
    return {**row, **case.ratio(row["what"], training_cases.named("bare", checkpointing))}


def reason(error: BaseException) -> str:
    if isinstance(error, torch.OutOfMemoryError) or "out of memory" in str(error).lower():
        return "out of memory"
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=SIZES, required=True)
    parser.add_argument("--case", required=True)
    parser.add_argument("--dtype", choices=DTYPES, required=True)
    parser.add_argument("--file", type=Path, help="of the weights, to be loaded (or written: --case write)")
    parser.add_argument("--pixels", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("--checkpointing", type=lambda text: [word == "on" for word in text.split(",")])
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with torch.inference_mode():  # as ComfyUI runs its nodes
        if given.case == "write":
            write(given.file, given.model, given.dtype, given.tiny)
            return
        others = meter.used() - 0.5 if given.case in ("small", "gradient") else 0.0
        model = loaded(given.file) if given.file else built(given.model, given.dtype, given.tiny)
        case = Case(
            given.model, SIZES[given.model], model, given.pixels, given.steps, given.seconds, given.tiny, others,
            given.pairs,
        )  # fmt: skip
        for work in measurements(case, given):
            try:
                for row in work():
                    tell(row)
            except Exception as error:
                traceback.print_exc()
                tell({"what": given.case, "note": reason(error)})
                del error
            meter.settle()


if __name__ == "__main__":
    main()
