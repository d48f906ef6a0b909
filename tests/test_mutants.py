"""The mutants (tests/mutants.py) fit the code: each changes exactly one place, and code remains."""

import ast
import shutil

import pytest
from mutants import ROOT
from mutations import MUTANTS
from mutations.mutant import Mutant, MutantError


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_mutant_changes_one_place_of_the_code(mutant, tmp_path):
    copy = tmp_path / mutant.file
    copy.parent.mkdir(parents=True)
    shutil.copy(ROOT / mutant.file, copy)
    before = mutant.apply(tmp_path)
    changed = copy.read_text(encoding="utf-8")
    assert ast.dump(ast.parse(before)) != ast.dump(ast.parse(changed))
    assert (ROOT / mutant.tests.split()[0]).is_file()


def test_a_mutant_of_code_that_is_gone_is_said(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    with pytest.raises(MutantError, match="'y' is 0 times in a.py, expected once"):
        Mutant("y", "a.py", "y", "z", "tests").apply(tmp_path)
