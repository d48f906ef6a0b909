"""What a slider would be trained on and how long it would take, without training it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from ..architectures import report
from ..config import SliderPlan
from ..data import describe_cycle
from ..runs import request_of
from ..training import StepDone, TrainRequest, train
from ..training.events import Event
from ..training.fit import memory_needed
from ..training.processes import ALONE, Processes
from .pictures import Pictures
from .progress import duration
from .sliders import parts_of

TRIED = 2  # steps; the first one also warms up


def dry_run(plan: SliderPlan, pictures: Pictures, output: Path, processes: Processes = ALONE) -> str:
    """Targets, the cycle's plan, memory and time; nothing is written, and the model stays as it is."""
    with processes.together():
        parts = parts_of(plan, pictures)
    trained = parts.control_net if parts.selection.on_control_net else parts.model
    request = request_of(parts, plan.train, output)
    return "\n".join(
        [
            report(parts.selection, trained, plan.train.rank),
            "",
            describe_cycle(parts.cycle),
            "",
            *_cost(request, processes),
        ]
    )


def _cost(request: TrainRequest, processes: Processes) -> list[str]:
    device, seconds = request.model.load_device, []
    tried = replace(
        request, steps=TRIED, warmup=0, checkpoint=None, sliders=None, resume=False, preview_every=0
    )
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)

    def note(event: Event) -> None:
        if isinstance(event, StepDone):
            seconds.append(event.seconds)

    trained = train(tried, note, processes)
    size = sum(tensor.numel() * tensor.element_size() for tensor in trained.slider.values())
    lines = [
        f"Memory: weights {_gb(request.model.model_size())}, kept free for a step "
        f"{_gb(memory_needed(request, processes))} "
        f"(an estimate), adapters {_gb(size)}, with gradients and optimiser about four times that.",
    ]
    if device.type == "cuda":
        lines.append(
            f"Most in use on the card in {TRIED} steps: {_gb(torch.cuda.max_memory_allocated(device))}."
        )
    if processes.count > 1:
        lines.append(
            f"{processes.count} processes share the pictures of a step; what is said of memory is of each."
        )
    whole = seconds[-1] * request.steps
    lines.append(
        f"Time: {seconds[-1]:.2f} s a step as tried here, so about {duration(whole)} for {request.steps} steps, "
        "without previews and measuring."
    )
    return lines


def _gb(size: float) -> str:
    return f"{size / 2**30:.2f} GB" if size >= 2**27 else f"{size / 2**20:.1f} MB"
