"""What test_processes.py has two processes do: torchrun … in_comfyui.py --cpu in_processes.py FOLDER.

Each writes what came of it to FOLDER, in a file for each case and process.
"""

import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from concept_sliders.slider_core.data import Bucket, Cycle
from concept_sliders.slider_core.headless import Cancel
from concept_sliders.slider_core.training import StepDone, loop, train
from concept_sliders.slider_core.training.launched import Launched
from small_training import buckets, example, request
from tiny_models import tiny_model


def wanted(model, cycle=None, **settings):
    """Two pictures per sign and step of three, so that every other step has one: for the first process alone."""
    return request(model, cycle or Cycle(buckets(), batch_size=2), **settings)


EQUAL = {
    "SGD": {"optimiser": "SGD", "learning_rate": 1e-1},
    "AdamW": {"optimiser": "AdamW"},
    "Adafactor": {"optimiser": "Adafactor", "learning_rate": 0.3},
    "difference": {"optimiser": "SGD", "learning_rate": 1e-1, "objective": "difference", "max_norm": 0.01},
    "found": {"learning_rate": 0.0, "steps": 12, "stop_at": 0.5},
    "bfloat16": {"optimiser": "SGD", "learning_rate": 1.0, "dtype": torch.bfloat16},
}


def kept(folder, name, processes, made):
    torch.save(made, folder / f"{name}-{processes.number}.pt")


def outcome(wanted, processes, on_event=None):
    """Tensors and losses of a training, or what it raised."""
    try:
        trained = train(wanted, on_event, processes)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    return dict(trained.slider), trained.losses, trained.continued_from


def raising(error, number, processes, at=3):
    """Lets one process raise after a step."""

    def on_event(event):
        if isinstance(event, StepDone) and event.step == at and processes.number == number:
            raise error

    return on_event


def memory_runs_out(model, processes):
    """In the second process, until blocks run again in its backward pass."""
    real = loop._Run._gradients

    def gradients(run, turn, step):
        made = real(run, turn, step)
        if processes.number == 1 and not run.fit.checkpointing:
            raise torch.OutOfMemoryError
        return made

    loop._Run._gradients = gradients
    try:
        return outcome(wanted(model, **EQUAL["SGD"]), processes)
    finally:
        loop._Run._gradients = real


def one_is_busy(model, processes):
    """The first process for longer than the others would wait for one that says nothing."""
    patient, processes._meetings = processes._meetings, dist.new_group(timeout=timedelta(seconds=3))

    def on_event(event):
        if isinstance(event, StepDone) and event.step == 2 and processes.first:
            time.sleep(4.5)

    try:
        return outcome(wanted(model, **EQUAL["SGD"], steps=3), processes, on_event)
    finally:
        processes._meetings = patient


def other_pictures(processes):
    more = Bucket("more", tuple(example(n, 1.0) for n in ("abc", "abd")[processes.number]), 0.5)
    return Cycle((more, *buckets()[1:]), batch_size=2)


def main(folder):
    processes = Launched(torch.device("cpu"))
    model = tiny_model("sd3")
    for name, settings in EQUAL.items():
        kept(folder, name, processes, outcome(wanted(model, **settings), processes))
    kept(folder, "memory", processes, memory_runs_out(model, processes))
    kept(folder, "busy", processes, one_is_busy(model, processes))
    kept(folder, "one of two", processes, outcome(wanted(model, Cycle(buckets(), batch_size=3)), processes))
    kept(folder, "other pictures", processes, outcome(wanted(model, other_pictures(processes)), processes))
    saved = {**EQUAL["SGD"], "checkpoint_every": 100, "resume": True}
    cancelled = {**saved, "checkpoint": folder / "cancelled"}
    cancel = raising(KeyboardInterrupt(), 1, processes)
    kept(folder, "cancelled", processes, outcome(wanted(model, **cancelled), processes, cancel))
    kept(folder, "went on", processes, outcome(wanted(model, **cancelled), processes))
    kept(folder, "again", processes, outcome(wanted(model, **cancelled), processes))
    begun = wanted(model, **saved, checkpoint=folder / "from_one")
    kept(folder, "from one", processes, outcome(begun, processes))
    failed = wanted(model, **saved, checkpoint=folder / "failed")
    fail = raising(RuntimeError("the disk is on fire"), 1, processes)
    kept(folder, "failed", processes, outcome(failed, processes, fail))
    killed = wanted(model, **{**saved, "checkpoint_every": 2}, checkpoint=folder / "killed", steps=1000)

    def die(event):
        if isinstance(event, StepDone) and event.step == 5 and processes.number == 1:
            (folder / "killed at").write_text(str(time.time()))
            os.kill(os.getpid(), signal.SIGKILL)

    with Cancel(deaf=60):  # torchrun ends the others too
        kept(folder, "killed", processes, (outcome(killed, processes, die), processes.lost))
    os._exit(1)


if __name__ == "__main__":
    with torch.inference_mode():
        main(Path(sys.argv[1]))
