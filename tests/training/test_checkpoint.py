"""A training that was stopped goes on as if it had not been, bit for bit."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from comfy.model_management import InterruptProcessingException
from concept_sliders.slider_core.data import Cycle
from concept_sliders.slider_core.training import Message, StepDone, train
from concept_sliders.slider_core.training.checkpoint import CheckpointError
from concept_sliders.slider_core.training.optimisers import OPTIMISERS
from import_path import import_path
from small_training import buckets, request

SCRIPTS = Path(__file__).parents[2] / "scripts"


def cancel_at(step):
    def on_event(event):
        if isinstance(event, StepDone) and event.step == step:
            raise InterruptProcessingException

    return on_event


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("step", [1, 3, 5])
@pytest.mark.parametrize("optimiser", ["AdamW", "RAdam", "Adafactor", "SGD"])
def test_cancelled_at_any_step_and_continued(model, tmp_path, step, optimiser):
    settings = {"checkpoint": tmp_path / "slider", "resume": True, "optimiser": optimiser}
    with pytest.raises(InterruptProcessingException):
        train(request(model, **settings), cancel_at(step))
    messages = []
    continued = train(
        request(model, **settings), lambda e: messages.append(e) if isinstance(e, Message) else None
    )
    straight = train(request(model, optimiser=optimiser))
    assert continued.continued_from == step and messages == [Message(f"Continued from step {step} of 6.")]
    assert equal(continued.slider, straight.slider)
    assert continued.losses["loss"] == straight.losses["loss"]


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_in_bfloat16_too(model, tmp_path, optimiser):
    """torch's own loading rounds NAdam's running product to the parameters' type."""
    settings = {"optimiser": optimiser, "dtype": torch.bfloat16, "learning_rate": 1e-2, "steps": 8}
    saved = {"checkpoint": tmp_path / "slider", "resume": True, **settings}
    with pytest.raises(InterruptProcessingException):
        train(request(model, **saved), cancel_at(3))
    assert equal(train(request(model, **saved)).slider, train(request(model, **settings)).slider)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux tells")
def test_the_file_that_a_training_goes_on_from_is_let_go(model, tmp_path):
    """Windows does not replace a file that a process has mapped, so no further state could be kept."""
    saved = {"checkpoint": tmp_path / "slider", "resume": True, "optimiser": "NAdam"}
    with pytest.raises(InterruptProcessingException):
        train(request(model, **saved), cancel_at(3))
    mapped = []

    def look(event):
        if isinstance(event, StepDone):
            mapped.append(str(tmp_path) in Path("/proc/self/maps").read_text())

    train(request(model, **saved, checkpoint_every=100), look)
    assert mapped == [False] * 3


KILLED = """
import os, sys
from pathlib import Path
import torch
from small_training import request
from tiny_models import tiny_model
from concept_sliders.slider_core.training import StepDone, train
def on_event(event):
    if isinstance(event, StepDone) and event.step == 5:
        os.kill(os.getpid(), 9)
with torch.inference_mode():
    train(request(tiny_model("sd3"), checkpoint=Path({path!r}), checkpoint_every=2), on_event)
"""


def test_killed_and_continued(model, tmp_path):
    script, path = tmp_path / "killed.py", tmp_path / "slider"
    script.write_text(KILLED.format(path=str(path)))
    command = [sys.executable, SCRIPTS / "in_comfyui.py", "--cpu", script]
    with_tests = {**os.environ, "PYTHONPATH": import_path(SCRIPTS.parent / "tests")}
    ended = subprocess.run(command, capture_output=True, text=True, env=with_tests)
    assert ended.returncode == -9, ended.stderr
    continued = train(request(model, checkpoint=path, resume=True))
    assert continued.continued_from == 4
    assert equal(continued.slider, train(request(model)).slider)


def test_a_finished_training_is_not_trained_again(model, tmp_path):
    settings = {"checkpoint": tmp_path / "slider", "resume": True}
    first, again = train(request(model, **settings)), train(request(model, **settings))
    assert again.continued_from == 6 and equal(first.slider, again.slider)


def test_other_data_or_settings_are_another_training(model, tmp_path):
    settings = {"checkpoint": tmp_path / "slider", "resume": True}
    train(request(model, **settings))
    for other in ({"seed": 1}, {"cycle": Cycle(buckets(), seed=5)}, {"kind": "lora", "learning_rate": 2e-3}):
        assert train(request(model, **{**settings, **other})).continued_from == 0


def test_a_cut_off_file_is_never_picked_up(model, tmp_path):
    settings = {"checkpoint": tmp_path / "slider", "resume": True}
    train(request(model, **settings))
    (whole,) = tmp_path.iterdir()
    part = whole.with_name(whole.name + ".1.tmp")
    part.write_bytes(whole.read_bytes()[:100])
    whole.unlink()
    assert train(request(model, **settings)).continued_from == 0
    whole.write_bytes(whole.read_bytes()[:-10])
    with pytest.raises(CheckpointError, match="is damaged"):
        train(request(model, **settings))


def test_a_full_disk_does_not_end_the_training(model, tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    settings = {"checkpoint": tmp_path / "slider", "resume": True}
    train(request(model, **settings), lambda event: None)
    before = [(file.name, file.read_bytes()) for file in tmp_path.iterdir()]
    monkeypatch.setattr(os, "fsync", full)
    events = []
    trained = train(request(model, **settings, checkpoint_every=2, learning_rate=2e-3), events.append)
    assert trained.steps == 6
    assert "No space left on device" in next(event.text for event in events if isinstance(event, Message))
    assert before == [(file.name, file.read_bytes()) for file in tmp_path.iterdir()]


@pytest.mark.parametrize("name", ["a" * 300, "ह" * 84, "file/slider"])
def test_a_checkpoint_that_cannot_be_written_does_not_end_the_training(model, tmp_path, name):
    (tmp_path / "file").write_text("no folder")
    events = []
    settings = {"checkpoint": tmp_path / name, "resume": True, "checkpoint_every": 2}
    trained = train(request(model, **settings), events.append)
    assert equal(trained.slider, train(request(model)).slider)
    assert "is not kept: " in next(event.text for event in events if isinstance(event, Message))


def test_training_starts_from_the_weights_of_a_slider(model):
    first = train(request(model, steps=20, learning_rate=1e-2)).slider
    onward = train(request(model, steps=1, learning_rate=1e-6, start_from=first)).slider
    assert all(torch.allclose(first[key], onward[key], atol=1e-4) for key in first)
    assert any(bool(first[key].abs().max() > 1e-2) for key in first if "up" in key)
