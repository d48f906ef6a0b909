"""Changes of the code that a test has to notice: a module for each package that they break."""

from importlib import import_module
from pathlib import Path

from .mutant import Mutant

FILES = sorted(
    path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in ("__init__", "mutant")
)
MUTANTS: tuple[Mutant, ...] = tuple(
    mutant for file in FILES for mutant in import_module(f"{__name__}.{file}").MUTANTS
)
