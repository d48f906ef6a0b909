"""One process of `several.py`: trains a slider at each batch size, and tells how long a step takes."""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import time
from dataclasses import replace
from typing import Any

import meter
import torch
from comfy.model_management import get_torch_device
from concept_sliders.slider_core.adapters import AdapterConfig, uniform_plan
from concept_sliders.slider_core.architectures import select_targets
from concept_sliders.slider_core.data import Bucket, Cycle, Example
from concept_sliders.slider_core.training import StepDone, TrainRequest, train
from concept_sliders.slider_core.training.launched import processes_here
from concept_sliders.slider_core.training.processes import Processes
from random_models import built
from several import MARK
from sizes import SIZES

WARM_UP = 3


def request(given: argparse.Namespace, patcher: Any, batch: int) -> TrainRequest:
    """LoRA of rank 16 on the slider's targets, one latent a picture; the same in every process."""
    torch.manual_seed(1)
    size, pictures = SIZES[given.model], 2 * batch

    def bucket(name: str, strength: float) -> Bucket:
        latents = size.latents(pictures, given.size, given.tiny)
        named = enumerate(latents)
        return Bucket(
            name,
            tuple(Example(str(i), "", latent[None], size.conditioning(given.tiny)) for i, latent in named),
            strength,
        )

    cycle = Cycle((bucket("more", 1.0), bucket("less", -1.0)), neutral="off", batch_size=batch)
    plan = uniform_plan(select_targets(patcher), AdapterConfig(rank=16))
    return TrainRequest(patcher, plan, cycle, steps=given.steps)


def killed(wanted: TrainRequest, processes: Processes) -> None:
    """A training in which the last process is gone after a few steps."""

    def note(event: Any) -> None:
        if isinstance(event, StepDone) and event.step > WARM_UP and processes.number == processes.count - 1:
            print(MARK + json.dumps({"killed": time.time()}), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # torchrun's; the command goes on to an orderly end as well
    train(replace(wanted, steps=100_000), note, processes)


def measured(wanted: TrainRequest, processes: Processes) -> dict[str, Any]:
    """The median step after the first ones, and what takes part in it."""
    times = [meter.now()]

    def note(event: Any) -> None:
        if isinstance(event, StepDone):
            times.append(meter.now())

    meter.settle()
    trained = train(wanted, note, processes)
    steps = [after - before for before, after in zip(times, times[1:], strict=False)]
    numbers = sum(tensor.numel() for tensor in trained.slider.values())
    gradient = torch.zeros(numbers, device=get_torch_device())
    started = meter.now()
    for _ in range(5):
        processes.add_up(gradient)
    return {
        "seconds": round(statistics.median(steps[WARM_UP:]), 4),
        "steps": [round(step, 4) for step in steps],
        "losses": trained.losses["loss"][:3],
        "gradient_mb": round(gradient.nbytes / 1e6, 1),
        "add_up_seconds": round((meter.now() - started) / 5, 5),
        "torch_gib": round(torch.cuda.max_memory_allocated() / 2**30, 2) if meter.on_card() else 0.0,
        "device": torch.cuda.get_device_name() if meter.on_card() else "CPU",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=SIZES, required=True)
    parser.add_argument("--dtype", required=True)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--batches", type=lambda text: [int(word) for word in text.split(",")], required=True)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--kill", action="store_true")
    given = parser.parse_args()
    processes = processes_here(get_torch_device())
    with torch.inference_mode():
        patcher = built(given.model, given.dtype, given.tiny)
        if given.kill:
            killed(request(given, patcher, given.batches[-1]), processes)
        for batch in given.batches:
            row = measured(request(given, patcher, batch), processes)
            if processes.first:
                print(MARK + json.dumps({"batch": batch, "processes": processes.count, **row}), flush=True)
    processes.close()


if __name__ == "__main__":
    main()
