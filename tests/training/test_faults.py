"""The small version of tests/faults.py: faults and kills at moments spread over a training."""

import os
import subprocess
import sys
from pathlib import Path

import faults
import pytest
import torch

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def adamw():
    return faults.Reference({"optimiser": "AdamW"})


@pytest.mark.parametrize("error", faults.ERRORS)
def test_a_step_of_the_optimiser_counts_whole_or_not_at_all(adamw, error):
    moments = adamw.moments[faults.InUpdate]
    for at in range(1, moments, moments // 6):
        assert faults.case(adamw, faults.InUpdate, at, error) == [], at


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, KeyboardInterrupt])
def test_a_fault_at_any_operation(adamw, error):
    moments = adamw.moments[faults.AtOperation]
    for at in range(1, moments, moments // 8):
        assert faults.case(adamw, faults.AtOperation, at, error) == [], at


def test_ctrl_c_between_any_two_instructions(adamw):
    moments = adamw.moments[faults.AtInstruction]
    for at in range(1, moments, moments // 15):
        assert faults.case(adamw, faults.AtInstruction, at, KeyboardInterrupt) == [], at


def test_faults_at_random_with_other_optimisers_and_adapters():
    found = {what: wrong for what, wrong in faults.random_cases(9, seed=1, settings=faults.SETTINGS[1:4])}
    assert {what: wrong for what, wrong in found.items() if wrong} == {}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes that train are forked")
def test_a_training_that_is_killed_again_and_again_gets_to_the_same_slider():
    command = [sys.executable, ROOT / "scripts" / "in_comfyui.py", "--cpu", ROOT / "tests" / "faults.py"]
    ended = subprocess.run([*command, "--cases", "0", "--kills", "5"], capture_output=True, text=True)
    assert ended.returncode == 0 and "5 kills" in ended.stdout, ended.stdout + ended.stderr
