"""The table of what works on which family is what the registry and the tests say now."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))
import compatibility

pytestmark = pytest.mark.xdist_group("compatibility")  # the tests are collected once


@pytest.fixture(scope="module")
def shown():
    return compatibility.collected()


def test_the_table_is_up_to_date(shown):
    written = compatibility.PAGE.read_text(encoding="utf-8")
    assert written == compatibility.table(shown), "run: python3 scripts/run.py python scripts/compatibility.py"


def test_a_mark_needs_its_tests(shown):
    assert "| Flux | flux, flux_schnell, ovis_image | ✓ |" in compatibility.table(shown)
    without = {test: runs for test, runs in shown.runs.items() if test != compatibility.TRAINED[0]}
    assert "| Flux | flux, flux_schnell, ovis_image | layers |" in compatibility.table(
        compatibility.Shown(without)
    )
