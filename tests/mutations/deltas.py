"""Breaks of slider_core/deltas."""

from mutations.mutant import Mutant

LEARNING = "tests/training/test_training.py -k learns"

MUTANTS = (
    Mutant(
        "gradients not handed over in one piece",
        "slider_core/deltas/joint.py",
        "of_all.add_(memory)",
        "pass",
        LEARNING,
    ),
)
