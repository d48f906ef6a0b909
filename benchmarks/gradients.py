"""Whether a step has the same gradient however little of the card is free."""

from __future__ import annotations

from pathlib import Path

import meter
import torch
import training_cases
from concept_sliders.slider_core.adapters import AdapterConfig, uniform_plan
from concept_sliders.slider_core.architectures import select_targets
from concept_sliders.slider_core.data import Bucket, Cycle
from concept_sliders.slider_core.training import TrainRequest, train
from measured import Case, Row
from torch import Tensor


def compared(case: Case, path: Path) -> Row:
    """The gradient of a checkpointed step, kept at `path` the first time and compared with what is there afterwards."""
    peak, started = meter.Peak(), meter.now()
    with peak.watched(case.others):
        gradient = gradient_of(case)
    seconds = meter.now() - started
    loaded = case.patcher.loaded_size() / max(1, case.patcher.model_size())
    if not path.exists():
        torch.save(gradient, path)
        return case.row("gradient", seconds, peak, f"length {float(gradient.norm()):.3g}", loaded=loaded)
    first = torch.load(path)
    off = float((gradient - first).norm() / first.norm())
    return case.row(
        "gradient, compared", seconds, peak, f"differs by {off:.1e} of its length", loaded=loaded, off=off
    )


def gradient_of(case: Case) -> Tensor:
    """Of every `up` of a new slider in one step: plain descent at rate 1 leaves it, negated, in their place."""
    torch.manual_seed(0)
    one, other = training_cases.examples(case)
    cycle = Cycle((Bucket("more", (one,), 1.0), Bucket("less", (other,), -1.0)), neutral="off")
    plan = uniform_plan(select_targets(case.patcher), AdapterConfig(rank=16))
    request = TrainRequest(
        case.patcher, plan, cycle, steps=1, gradient_checkpointing=True,
        optimiser="SGD", learning_rate=1.0, max_norm=0.0,
    )  # fmt: skip
    slider = train(request).slider
    return torch.cat([slider[name].float().flatten().cpu() for name in sorted(slider) if "lora_up" in name])
