"""Breaks of slider_core/files."""

from mutations.mutant import Mutant

MUTANTS = (
    Mutant(
        "alpha stored in bfloat16",
        "slider_core/files/storage.py",
        'tensor.is_floating_point() and not key.endswith(".alpha")',
        "tensor.is_floating_point()",
        "tests/files/test_save_node.py -k alpha",
    ),
)
