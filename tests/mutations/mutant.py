"""A change of the code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class MutantError(Exception):
    """The list of mutants does not fit the code or the tests any more."""


@dataclass(frozen=True)
class Mutant:
    """A change of the code that a test has to notice.

    Attributes:
        old: is in the file exactly once.
        tests: what to give pytest; one of these tests has to fail.
    """

    name: str
    file: str
    old: str
    new: str
    tests: str

    def apply(self, root: Path) -> str:
        """Writes the change; what the file was before.

        Raises:
            MutantError: if the old text is not there exactly once.
        """
        path = root / self.file
        before = path.read_text(encoding="utf-8") if path.is_file() else ""
        if (found := before.count(self.old)) != 1:
            raise MutantError(
                f"{self.name}: {self.old!r} is {found} times in {self.file}, expected once. The code has changed; "
                "change this mutant with it."
            )
        path.write_text(before.replace(self.old, self.new), encoding="utf-8")
        return before
