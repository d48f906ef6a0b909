"""Breaks of slider_core/training: several processes that train one slider."""

from mutations.mutant import Mutant

LOOP = "slider_core/training/loop.py"
PROCESSES = "tests/training/test_processes.py"

MUTANTS = (
    Mutant(
        "processes' gradients not added up",
        "slider_core/training/launched.py",
        "dist.all_reduce(gradient, group=self._gradients)",
        "pass",
        PROCESSES,
    ),
    Mutant(
        "every process takes all pictures of a step",
        "slider_core/training/processes.py",
        "if row.pair % self.count == self.number",
        "",
        PROCESSES,
    ),
    Mutant(
        "each process's mean is over its own rows",
        LOOP,
        "self.scaler.scale, total",
        "self.scaler.scale",
        PROCESSES,
    ),
    Mutant(
        "a process that is busy says nothing",
        "slider_core/training/meeting.py",
        "self._over.wait(BEAT)",
        "self._over.wait()",
        PROCESSES,
    ),
    Mutant(
        "a cancel in one process is not heard in the others",
        "slider_core/training/launched.py",
        "if worst > own:",
        "if False:",
        PROCESSES,
    ),
)
