"""Throws bad inputs at every way into the pack: none may give a bare error, run for long or ask for much memory.

    python3 scripts/run.py python tests/fuzz.py [PART OF A CASE'S NAME]

About 6,000 cases in two minutes, the same each time. `tests/test_fuzz.py` runs some of them with the other tests.
"""

import logging
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import folder_paths
from fuzzing import datasets, files, folders, sources, texts, widgets
from fuzzing.judging import Case, verdict

MOST_MEMORY = 8 << 30  # bytes beyond what is taken at the start


def cases() -> Iterator[Case]:
    for part in (texts, folders, sources, datasets, widgets, files):
        yield from part.cases()


def wrong_with(case: Case) -> str:
    """Runs a case in folders of its own; empty where all is well."""
    kept = {
        f"{name}_directory": getattr(folder_paths, f"{name}_directory")
        for name in ("input", "output", "temp", "user")
    }
    with tempfile.TemporaryDirectory() as folder:
        try:
            for name in kept:
                setattr(folder_paths, name, folder)
            return verdict(case, Path(folder))
        finally:
            for name, value in kept.items():
                setattr(folder_paths, name, value)


def limit_memory() -> None:
    """So that a file that asks for 48 GB is found on a machine that would give them."""
    try:
        import resource

        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + MOST_MEMORY, resource.RLIM_INFINITY))
    except (ImportError, OSError, ValueError):
        print("memory is not limited on this system")


def main(part: str = "") -> int:
    logging.disable(logging.CRITICAL)
    widgets.sockets()
    limit_memory()
    count, wrong = 0, []
    for case in cases():
        if part in case.name:
            count += 1
            found = wrong_with(case)
            if found:
                wrong.append(case.name)
                print(f"{case.name}: {found}")
    print(f"{count} bad inputs, {len(wrong)} of them not answered with a sentence")
    return min(len(wrong), 1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
