"""Breaks of slider_core/gradients."""

from mutations.mutant import Mutant

MUTANTS = (
    Mutant(
        "care ends at once",
        "slider_core/gradients/saved_tensors.py",
        "self.careful = self.careful and self.copies.acted",
        "self.careful = False",
        "tests/training/test_exact_steps.py -k in_place",
    ),
    Mutant(
        "offload ignored",
        "slider_core/gradients/saved_tensors.py",
        "if self.offload and large",
        "if False",
        "tests/training/test_fit.py -k main_memory",
    ),
)
