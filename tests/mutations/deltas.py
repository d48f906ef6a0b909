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
    Mutant(
        "an input that was written to taken for the one before",
        "slider_core/deltas/products.py",
        " and x._version == self._version",
        "",
        "tests/test_shared_input.py",
    ),
    Mutant(
        "the gradient of an output that nobody asked for is not 0",
        "slider_core/deltas/products.py",
        "torch.zeros_like(there)",
        "torch.ones_like(there)",
        "tests/test_shared_input.py",
    ),
)
