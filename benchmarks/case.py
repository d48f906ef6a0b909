"""Measures one case in a process of its own (gpu.py starts it), and prints a line for each row as it comes."""

from __future__ import annotations

import argparse
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import applying_cases
import meter
import torch
import training_cases
from measured import Case, Row, tell
from random_models import DTYPES, built, loaded, write
from sizes import SIZES


def steps(case: Case, given: argparse.Namespace) -> Iterator[Callable[[], Row]]:
    for checkpointing in given.checkpointing:
        yield lambda c=checkpointing: against_bare(case, training_cases.bare, c, "forward")
        yield lambda c=checkpointing: against_bare(case, training_cases.step, c, "bare")


def against_bare(case: Case, work: Callable[[Case, bool], Row], checkpointing: bool, to: str) -> Row:
    row = work(case, checkpointing)
    if to == "bare":
        to = training_cases.named("bare", checkpointing)
    return {**row, **case.ratio(row["what"], to)}


def measurements(case: Case, given: argparse.Namespace) -> Iterator[Callable[[], Row] | Row]:
    """Pieces of work to be done one after the other, each by itself, so that one failing leaves the others."""
    if given.case == "step":
        yield from training_cases.forward(case)
        yield from steps(case, given)
    elif given.case == "level":
        for checkpointing in given.checkpointing:
            yield lambda c=checkpointing: training_cases.step(case, c)
    elif given.case == "small":
        yield lambda: training_cases.step(case, True)
    elif given.case == "apply":
        yield from applying_cases.apply(case)
    elif given.case == "sweep":
        yield from applying_cases.sweep(case)
    elif given.case.startswith("node"):
        ours, bypass = "ours" in given.case, "bypass" in given.case
        yield lambda: training_cases.node(case, ours, bypass)
    elif given.case == "profile":
        for checkpointing in given.checkpointing:
            kind = "-checkpointed" if checkpointing else ""
            path = given.out / f"profile-{given.model}{kind}.txt"
            yield lambda c=checkpointing, p=path: {**training_cases.step(case, c, p), "note": p.name}


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
    parser.add_argument("--checkpointing", type=lambda text: [word == "on" for word in text.split(",")])
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with torch.inference_mode():  # as ComfyUI runs its nodes
        if given.case == "write":
            write(given.file, given.model, given.dtype, given.tiny)
            return
        others = meter.used() - 0.5 if given.case == "small" else 0.0
        model = loaded(given.file) if given.file else built(given.model, given.dtype, given.tiny)
        case = Case(
            given.model, SIZES[given.model], model, given.pixels, given.steps, given.seconds, given.tiny, others
        )
        for work in measurements(case, given):
            try:
                tell(work() if callable(work) else work)
            except Exception as error:
                traceback.print_exc()
                tell({"what": given.case, "note": reason(error)})
                del error
            meter.settle()


if __name__ == "__main__":
    main()
