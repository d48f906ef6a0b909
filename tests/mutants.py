"""Breaks the code on purpose, one place at a time, and shows that a test notices.

    python3 scripts/run.py python tests/mutants.py          all mutants, a quarter of an hour on one core
    python3 scripts/run.py python tests/mutants.py NAME …   those whose names have this in them

The checkout is copied into a temporary folder, where the tests must pass first. Ends with 1 if a mutant survives.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mutations import MUTANTS
from mutations.mutant import Mutant, MutantError

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 600  # seconds for the tests of one mutant
PASSED, FAILED = 0, 1  # pytest's exit codes; others say that tests could not be run


@contextmanager
def copied() -> Iterator[Path]:
    """What git tracks of this checkout, as it is on disk, in a folder of the pack's name."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "concept-sliders"
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                (copy / name).write_bytes((ROOT / name).read_bytes())
        yield copy


def tested(root: Path, tests: str) -> int:
    """Runs the tests; pytest's exit code, FAILED also where they do not come to an end."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", *tests.split()]
    try:
        run = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return FAILED
    if run.returncode not in (PASSED, FAILED):
        raise MutantError(f"{' '.join(command)} could not be run:\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
    return run.returncode


def survivors(root: Path, mutants: Iterable[Mutant]) -> Iterator[Mutant]:
    for mutant in mutants:
        before = mutant.apply(root)
        killed = tested(root, mutant.tests) == FAILED
        (root / mutant.file).write_text(before, encoding="utf-8")
        print(f"{'killed  ' if killed else 'SURVIVED'}  {mutant.name}", flush=True)
        if not killed:
            yield mutant


def main(names: list[str]) -> int:
    chosen = [mutant for mutant in MUTANTS if not names or any(name in mutant.name for name in names)]
    if not chosen:
        sys.exit(f"No mutant is called so; there are: {', '.join(mutant.name for mutant in MUTANTS)}.")
    with copied() as root:
        print("First the tests on the code as it is.", flush=True)
        for tests in dict.fromkeys(mutant.tests for mutant in chosen):
            if tested(root, tests) != PASSED:
                sys.exit(f"Without a mutant, these tests must pass: {tests}")
        alive = list(survivors(root, chosen))
    print(f"{len(chosen) - len(alive)} of {len(chosen)} killed")
    return 1 if alive else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except MutantError as error:
        sys.exit(str(error))
