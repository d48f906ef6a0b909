"""Two processes that train one slider, on CPUs, come to what one process with the same batch comes to."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from comfy.model_management import InterruptProcessingException
from concept_sliders.slider_core.data import Cycle
from concept_sliders.slider_core.training import StepDone, train
from concept_sliders.slider_core.training.processes import uneven
from import_path import import_path
from in_processes import EQUAL
from small_training import buckets, request
from tiny_models import tiny_model

TESTS = Path(__file__).parents[1]
SCRIPTS = TESTS.parent / "scripts"
pytestmark = pytest.mark.xdist_group("processes")  # they run once for all tests

SGD = EQUAL["SGD"]
# Of the norm. Adam makes whole steps also of gradients that are next to nothing, and so of their rounding.
CLOSE = {"AdamW": 1e-3, "found": 1e-2, "bfloat16": 1e-2}


def alone(on_event=None, **settings):
    with torch.inference_mode():
        model = tiny_model("sd3")
    return train(request(model, Cycle(buckets(), batch_size=2), **settings), on_event)


def close(one, other, limit=1e-5):
    """Whether two sliders are the same to float error, each of them being one that has learned something."""
    for key, tensor in one.items():
        tensor, difference = tensor.float(), tensor.float() - other[key].float()
        assert difference.norm() <= limit * tensor.norm(), (key, float(difference.norm() / tensor.norm()))
    assert one.keys() == other.keys() and any(bool(one[key].norm() > 1e-3) for key in one if "up" in key)
    return True


class Run:
    """What the two processes of `in_processes.py` have written."""

    def __init__(self, folder):
        self.folder = folder
        self._stopped_by_one()
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
        script = [SCRIPTS / "in_comfyui.py", "--cpu", TESTS / "in_processes.py", folder]
        environment = {**os.environ, "PYTHONPATH": import_path(TESTS), "OMP_NUM_THREADS": "1"}
        ended = subprocess.run(
            [*command, *script], env=environment, capture_output=True, text=True, timeout=120
        )
        self.ended, self.told = time.time(), ended.stdout + ended.stderr

    def _stopped_by_one(self):
        def stop(event):
            if isinstance(event, StepDone) and event.step == 3:
                raise InterruptProcessingException

        with pytest.raises(InterruptProcessingException):
            alone(stop, **SGD, checkpoint=self.folder / "from_one")

    def both(self, case):
        files = [self.folder / f"{case}-{rank}.pt" for rank in (0, 1)]
        assert all(file.is_file() for file in files), self.told[-3000:]
        return [torch.load(file) for file in files]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return Run(tmp_path_factory.mktemp("processes"))


@pytest.mark.parametrize("case", EQUAL)
def test_two_processes_come_to_what_one_comes_to(run, case):
    """Also where a step has one picture per sign, so that one process has none."""
    (first, losses, _), (second, other_losses, _) = run.both(case)
    straight = alone(**EQUAL[case])
    assert close(straight.slider, first, CLOSE.get(case, 1e-5))
    assert all(torch.equal(first[key], second[key]) for key in first) and losses["loss"] == other_losses["loss"]
    assert losses["loss"] == pytest.approx(straight.losses["loss"], rel=1e-2 if case == "bfloat16" else 1e-4)


def test_the_rate_and_the_end_that_one_finds_are_those_of_both(run):
    """They are measured in the first process, and it is the gradient of all that its trial is made of."""
    (_, losses, _), (_, other_losses, _) = run.both("found")
    steps = []
    straight = alone(
        lambda event: steps.append(event) if isinstance(event, StepDone) else None, **EQUAL["found"]
    )
    assert len(losses["loss"]) == len(other_losses["loss"]) == straight.steps < 12
    assert float(straight.slider.metadata["concept_sliders.reach"]) == pytest.approx(0.5, abs=0.2)
    assert steps[0].learning_rate > 0


def test_memory_that_runs_out_in_one_changes_nothing(run):
    (first, _, _), (second, _, _) = run.both("memory")
    assert close(alone(**SGD).slider, first) and close(first, second, 0)


def test_one_that_is_busy_for_long_is_not_taken_for_dead(run):
    for made in run.both("busy"):
        assert len(made[1]["loss"]) == 3, made


def test_a_cancel_in_one_keeps_the_same_step_in_all_and_two_go_on(run):
    assert run.both("cancelled") == ["KeyboardInterrupt: ", "KeyboardInterrupt: "]
    straight = alone(**SGD).slider
    for slider, losses, continued_from in run.both("went on"):
        assert continued_from == 3 and len(losses["loss"]) == 6 and close(straight, slider)
    for slider, _, continued_from in run.both("again"):
        assert continued_from == 6 and close(straight, slider)


def test_what_one_process_has_begun_two_end_and_the_other_way_round(run):
    straight = alone(**SGD).slider
    for slider, _, continued_from in run.both("from one"):
        assert continued_from == 3 and close(straight, slider)
    went_on = alone(**SGD, checkpoint=run.folder / "failed", resume=True)
    assert went_on.continued_from == 3 and close(straight, went_on.slider)


def test_a_failure_in_one_is_told_in_all(run):
    assert run.both("failed") == [
        "OtherError: Process 1: the disk is on fire",
        "RuntimeError: the disk is on fire",
    ]


def test_what_cannot_be_shared_is_refused_in_all(run):
    for told in run.both("one of two"):
        assert told.startswith("RequestError: batch_size is 3, ") and "start 1 or 3 processes" in told
    for told in run.both("other pictures"):
        assert told.startswith("RequestError: Process 1 has other pictures than process 0.")


def test_a_process_that_is_killed_ends_the_others_and_the_state_is_whole(run):
    died = float((run.folder / "killed at").read_text())
    assert run.ended - died < 60
    told, lost = torch.load(run.folder / "killed-0.pt")
    assert told.startswith("LostError: Another process") and lost
    seen = []

    def stop(event):
        if isinstance(event, StepDone):
            seen.append(event.step)
            raise InterruptProcessingException

    with pytest.raises(InterruptProcessingException):
        alone(stop, **SGD, steps=1000, checkpoint=run.folder / "killed", resume=True)
    assert seen[0] in (
        5,
        6,
    )  # of the state that was written every second step, or of what the other one has kept


@pytest.mark.parametrize(
    "batch, count, said",
    [
        (4, 2, ""),
        (2, 4, "Set batch_size to 4 or a multiple of it, or start 1 or 2 processes."),
        (1, 2, "or start one process."),
    ],
)
def test_a_batch_that_cannot_be_shared_evenly_says_what_can_be_done(batch, count, said):
    fault = uneven(batch, count)
    assert fault.endswith(said) and bool(fault) == bool(said)
