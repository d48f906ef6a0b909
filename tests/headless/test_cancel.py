"""A training that is cancelled or terminated keeps what was trained, in one process and in several."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
import run as run_script  # scripts/run.py, made importable by conftest
import torch
from concept_sliders.slider_core.files import load
from concept_sliders.slider_core.headless import Cancel, sliders
from headless.demo_config import ROOT, THREE, config_of, with_batch


def test_a_first_signal_is_remembered_and_a_second_ends_at_once():
    before = signal.getsignal(signal.SIGTERM)
    with Cancel() as cancel:
        cancel.check()
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            cancel.check()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_cancel_in_the_first_slider_ends_the_others_and_is_130(tmp_path, output, train, monkeypatch):
    real, seen = sliders.Checked.step, []

    def step(self, done):
        seen.append(done.step)
        self.cancel.asked = done.step == 3
        real(self, done)

    monkeypatch.setattr(sliders.Checked, "step", step)
    code, told = train(config_of(tmp_path, THREE))
    assert code == 130 and seen == [1, 2, 3] and "goes on where it was" in told
    (file,) = (output / "loras").glob("*.safetensors")
    assert file.name == "one_00001_stopped_at_3.safetensors"
    monkeypatch.setattr(sliders.Checked, "step", real)
    code, told = train(config_of(tmp_path, THREE))
    assert code == 1 and "Continued from step 3 of 4." in told
    resumed = load(output / "loras" / "one_00002_.safetensors")
    for file in [*output.rglob("*.safetensors"), *(output / "loras").glob("*.json")]:
        file.unlink()
    train(config_of(tmp_path, THREE))
    straight = load(output / "loras" / "one_00001_.safetensors")
    assert all(torch.equal(resumed[key], straight[key]) for key in straight)


def test_a_terminated_process_keeps_what_was_trained(tmp_path, output):
    """The command itself, as the terminal runs it."""
    words = [sys.executable, ROOT / "scripts" / "in_comfyui.py", "--cpu", f"--output-directory={output}"]
    file = config_of(tmp_path, steps=100_000)
    file.write_text(file.read_text().replace("# checkpoint_every = 50 ", "checkpoint_every = 0 "))
    file.write_text(file.read_text().replace("checkpoint_every = 0 ", "checkpoint_every = 3 "))
    process = subprocess.Popen(
        [*words, ROOT / "scripts" / "train.py", file],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    told = ""
    for line in process.stdout:
        told += line
        if "step 1/100000" in line:
            process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 130, told
    assert "Traceback" not in told and "was cancelled" in told and "Stopped at step " in told
    (slider,) = (output / "loras").glob("*.safetensors")
    assert "_stopped_at_" in slider.name and load(slider)
    (state,) = (output / "slider_checkpoints").iterdir()


def test_a_signal_to_one_of_two_processes_keeps_in_one_place_what_was_trained(
    tmp_path, output, train, monkeypatch
):
    """torchrun as its user starts it; what the two have trained goes on in one."""
    file = with_batch(config_of(tmp_path, steps=100_000), 2)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    process = subprocess.Popen(
        [*torchrun, ROOT / "scripts" / "train.py", file, "--cpu", f"--output-directory={output}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", run_script.ENDED: str(tmp_path / "code")},
    )
    told = ""
    for line in process.stdout:
        told += line
        if "step 1/100000" in line:
            ranks = {child.environ()["RANK"]: child for child in psutil.Process(process.pid).children()}
            ranks["1"].send_signal(signal.SIGTERM)
    assert process.wait(60) == 1 and "exitcode  : 130" in told, told
    own = told.split("failed (exitcode: 130)")[0]  # the rest is how torchrun tells of it
    assert "Traceback" not in own and own.count("was cancelled") == 1
    assert (tmp_path / "code").read_text() == "130"
    (slider,) = (output / "loras").glob("*.safetensors")
    lines = [json.loads(line) for line in (output / "slider_logs" / "smile.jsonl").read_text().splitlines()]
    steps = [line["step"] for line in lines if line["event"] == "step"]
    assert steps == [*range(1, len(steps) + 1)] and slider.stem.endswith(f"_stopped_at_{len(steps)}")
    assert len([*(output / "slider_checkpoints").iterdir()]) == 1

    def stop(self, done):
        self.cancel.asked = True
        self.cancel.check()

    monkeypatch.setattr(sliders.Checked, "step", stop)
    code, told = train(file)
    assert code == 130 and f"Continued from step {len(steps)} of 100000." in told
