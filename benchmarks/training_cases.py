"""What training costs: the forward pass alone, the bare backward pass, a slider step, ComfyUI's own node."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import meter
import torch
from comfy import model_management
from concept_sliders.slider_core.adapters import AdapterConfig, uniform_plan
from concept_sliders.slider_core.architectures import select_targets
from concept_sliders.slider_core.data import Bucket, Cycle, Example
from concept_sliders.slider_core.gradients import SavedTensors, trainable
from concept_sliders.slider_core.gradients.trainable import settle_attention
from concept_sliders.slider_core.training import Message, StepDone, TrainRequest, train
from concept_sliders.slider_core.training.model_call import ModelCalls
from measured import Case, Row
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.profiler import ProfilerActivity, profile

WARM_UP = 2


class TimeOverError(Exception):
    """The time for one measurement is over; what has been measured counts."""


def examples(case: Case) -> list[Example]:
    latents = case.size.latents(2 * case.pairs, case.pixels, case.tiny)
    return [
        Example(str(i), "", latent[None], case.size.conditioning(case.tiny)) for i, latent in enumerate(latents)
    ]


def memory(case: Case, checkpointing: bool) -> float:
    shape = case.size.latents(2 * case.pairs, case.pixels, case.tiny).shape
    return float(case.patcher.model.memory_required(list(shape))) * (2 if checkpointing else 6)


def timed(case: Case, work: Callable[[], object]) -> list[float]:
    """Seconds of each call of `work` after warm-up, as many as the case's steps and time allow (at most 10)."""
    for _ in range(WARM_UP):
        work()
    seconds: list[float] = []
    while not seconds or (len(seconds) < min(10, case.steps) and sum(seconds) < case.seconds):
        started = meter.now()
        work()
        seconds.append(meter.now() - started)
    return seconds


def forward(case: Case) -> Row:
    """ComfyUI's own forward pass of all pairs' rows."""
    peak = meter.Peak()
    with peak.watched(case.others):
        model_management.load_models_gpu([case.patcher], memory_required=memory(case, True))
        case.patcher.pre_run()
        calls = ModelCalls(case.patcher)
        rows = [calls.row(example) for example in examples(case)]
        x, sigmas = torch.cat([row.latent for row in rows]), torch.full((len(rows),), 0.5, device=calls.device)
        seconds = timed(case, lambda: calls.predict(rows, x, sigmas))
        case.patcher.cleanup()
    return case.row("forward", statistics.median(seconds), peak)


def bare(case: Case, checkpointing: bool) -> Row:
    """Forward and backward pass in our training context, the gradient going to the input."""
    peak, saved = meter.Peak(), SavedTensors()
    context = trainable(case.patcher, (), memory(case, checkpointing), checkpointing, saved)
    with peak.watched(case.others), context:
        calls = ModelCalls(case.patcher)
        rows = [calls.row(example) for example in examples(case)]
        latents, sigmas = (
            torch.cat([row.latent for row in rows]),
            torch.full((len(rows),), 0.5, device=calls.device),
        )

        def work() -> None:
            x = latents.clone().requires_grad_()
            with saved.active():
                calls.predict(rows, x, sigmas).square().mean().backward()
            assert x.grad is not None and bool(x.grad.isfinite().all()), "the gradient is not finite"

        seconds = timed(case, work)
    return case.row(named("bare", checkpointing), statistics.median(seconds), peak)


def step(case: Case, checkpointing: bool, profiled: Path | None = None) -> Row:
    """Whole steps of a slider's training, rank 16 on the slider's targets."""
    more, less = examples(case)[: case.pairs], examples(case)[case.pairs :]
    buckets = Bucket("more", tuple(more), 1.0), Bucket("less", tuple(less), -1.0)
    cycle = Cycle(buckets, batch_size=case.pairs, neutral="off")
    plan = uniform_plan(select_targets(case.patcher), AdapterConfig(rank=16))
    request = TrainRequest(case.patcher, plan, cycle, steps=case.steps, gradient_checkpointing=checkpointing)
    seconds, held, notes = [meter.now()], [], []
    profiler = profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) if profiled else None

    def note(event: Any) -> None:
        if isinstance(event, Message):
            notes.append(event.text)
        if not isinstance(event, StepDone):
            return
        seconds.append(meter.now())
        held.append((meter.allocated(), meter.used()))
        if profiler and event.step in (WARM_UP + 1, WARM_UP + 2):
            (profiler.start if event.step == WARM_UP + 1 else profiler.stop)()
        if seconds[-1] - seconds[0] > case.seconds and event.step > WARM_UP + 2:
            raise TimeOverError

    model_management.load_models_gpu([case.patcher], memory_required=memory(case, checkpointing))
    meter.settle()
    before, peak = meter.allocated(), meter.Peak()
    with peak.watched(case.others):
        try:
            train(request, note)
        except TimeOverError:
            pass
    meter.settle()
    if profiler and profiled:
        write_profile(case, named("step", checkpointing), profiler, profiled)
    taken = [after - earlier for earlier, after in zip(seconds, seconds[1:], strict=False)]
    third, last = held[min(2, len(held) - 1)], held[-1]
    return case.row(
        named("step", checkpointing), statistics.median(taken[WARM_UP:] or taken), peak, "; ".join(notes),
        steps=len(taken), allocated=[third[0], last[0]], used=[third[1], last[1]],
        left=meter.allocated() - before, loaded=case.patcher.loaded_size() / max(1, case.patcher.model_size()),
    )  # fmt: skip


def write_profile(case: Case, what: str, profiler: profile, path: Path) -> None:
    """The operations that take most of a step, by the CPU's time and by the card's."""
    averages = profiler.key_averages()
    orders = ["self_cpu_time_total", *(["self_cuda_time_total"] if meter.on_card() else [])]
    with path.open("a") as file:
        for order in orders:
            file.write(f"\n{case.name}, {what}, by {order}\n{averages.table(sort_by=order, row_limit=25)}")


def node(case: Case, ours: bool, bypass: bool) -> Row:
    """Steps of ComfyUI's TrainLoraNode: with its own defaults (one row, rank 8), or with two rows and rank 16."""
    from comfy_extras.nodes_train import TrainLoraNode

    inputs = TrainLoraNode.define_schema().inputs
    settings = {i.id: i.default for i in inputs if getattr(i, "default", None) is not None}
    settings |= {"steps": WARM_UP + min(10, case.steps), "bypass_mode": bypass, "existing_lora": "[None]"}
    if ours:
        settings |= {"batch_size": 2, "rank": 16, "lora_dtype": "fp32", "training_dtype": "none"}
    rows = examples(case)
    given = {
        "model": [case.patcher],
        "latents": [{"samples": torch.cat([row.latent for row in rows])}],
        "positive": [[row.conditioning[0] for row in rows]],
    }
    settle_attention(
        case.patcher.load_device
    )  # the node's own checkpoints meet two kernels without it, and raise
    seconds: list[float] = []
    hook = register_optimizer_step_post_hook(lambda *_: seconds.append(meter.now()))
    peak = meter.Peak()
    try:
        with peak.watched(case.others):
            TrainLoraNode.execute(**given, **{key: [value] for key, value in settings.items()})
    finally:
        hook.remove()
    taken = [after - earlier for earlier, after in zip(seconds, seconds[1:], strict=False)][WARM_UP - 1 :]
    label = f"Train LoRA{', bypass' if bypass else ''}, {'our' if ours else 'its'} settings"
    return case.row(label, statistics.median(taken), peak)


def named(what: str, checkpointing: bool) -> str:
    return f"{what}, checkpointed" if checkpointing else what
