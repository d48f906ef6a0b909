"""Counts what a training step starts, and times the processor alone: whole models in depth, a few channels wide.

    python3 scripts/run.py python benchmarks/launches.py [--models sdxl,flux] [--steps 8] [--counts]

On a fast card a step of many small layers waits for the processor, which has some microseconds of work for each
operation that it starts. Here the layers are so thin that this is nearly all of the time: what is compared is the
processor's work, not the card's. Each line: the least time of a pass in milliseconds of one thread, and its
operations (views and new memory aside) in the forward pass, in blocks that run again, in the backward pass and
outside of these. With --counts also the operations by the function of the pack that starts them; autograd's own have
none, and a checkpoint's or the caller's stand for the model's.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import torch
from concept_sliders.slider_core.adapters import AdapterConfig, uniform_plan
from concept_sliders.slider_core.architectures import select_targets
from concept_sliders.slider_core.data import Bucket, Cycle
from concept_sliders.slider_core.gradients import SavedTensors, trainable
from concept_sliders.slider_core.training import StepDone, TrainRequest, train
from concept_sliders.slider_core.training.model_call import ModelCalls
from measured import Case
from random_models import DTYPES, built
from sizes import SIZES
from torch.utils._python_dispatch import TorchDispatchMode
from training_cases import examples, named

THIN = {
    "sdxl": {"model_channels": 32, "num_head_channels": 32, "context_dim": 48},
    "z_image": {"dim": 256, "cap_feat_dim": 48, "n_heads": 2, "n_kv_heads": 2},
    "flux": {"vec_in_dim": 24, "context_in_dim": 48, "hidden_size": 128, "num_heads": 1},
    "wan": {"dim": 128, "num_heads": 1, "ffn_dim": 128},
}
COPYING = (torch.ops.aten.addmm.default, torch.ops.aten.baddbmm.default)
NOTHING = (
    torch.ops.aten._unsafe_view,
    torch.ops.aten.empty,
    torch.ops.aten.empty_like,
    torch.ops.aten.new_empty,
)
OURS = "slider_core"
WARM_UP = 3


class Started(TorchDispatchMode):
    """Counts what torch computes, by phase and by the function of the pack that starts it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[tuple[str, str]] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if not func.is_view and func.overloadpacket not in NOTHING:
            copies = func in COPYING and args[0].ndim > 1  # a card copies what is added to first
            self.found[self._place()] += 2 if copies else 1
        return func(*args, **(kwargs or {}))

    def _place(self) -> tuple[str, str]:
        """Phase, and file and function of the innermost frame of the pack that is about adapters or steps."""
        by, again, model = "", False, False
        frame = sys._getframe(2)
        while frame is not None:
            path, name = frame.f_code.co_filename, frame.f_code.co_name
            if OURS in path and not by:
                by = f"{path.partition(OURS + '/')[2]} {name}"
            again = again or name == "_run_again"
            model = model or name == "apply_model"
            frame = frame.f_back
        if torch._C._current_graph_task_id() >= 0:
            return "again" if again else "backward", by
        return "forward" if model else "outside", by

    def taken(self) -> Counter[tuple[str, str]]:
        found, self.found = self.found, Counter()
        return found


def passes(work: Callable[[Callable[[], None]], None], counting: bool) -> tuple[float, Counter]:
    """The least seconds of processor time between two calls of what `work` is given, and what the last one counted."""
    seconds: list[float] = []
    counts: list[Counter] = []
    mode = Started()
    last = time.process_time()

    def done() -> None:
        nonlocal last
        seconds.append(time.process_time() - last)
        counts.append(mode.taken())
        last = time.process_time()

    if counting:
        with mode:
            work(done)
    else:
        work(done)
    return min(seconds[WARM_UP:]), counts[-1]


def bare(case: Case, checkpointing: bool, done: Callable[[], None]) -> None:
    saved = SavedTensors()
    with trainable(case.patcher, (), 0, checkpointing, saved):
        calls = ModelCalls(case.patcher)
        rows = [calls.row(example) for example in examples(case)]
        latents, sigmas = torch.cat([row.latent for row in rows]), torch.full((len(rows),), 0.5)
        for _ in range(case.steps + WARM_UP):
            x = latents.clone().requires_grad_()
            with saved.active():
                calls.predict(rows, x, sigmas).square().mean().backward()
            done()


def step(case: Case, checkpointing: bool, done: Callable[[], None]) -> None:
    more, less = examples(case)[: case.pairs], examples(case)[case.pairs :]
    buckets = Bucket("more", tuple(more), 1.0), Bucket("less", tuple(less), -1.0)
    plan = uniform_plan(select_targets(case.patcher), AdapterConfig(rank=16))
    cycle = Cycle(buckets, batch_size=case.pairs, neutral="off")
    steps = case.steps + WARM_UP
    request = TrainRequest(
        case.patcher, plan, cycle, steps=steps, gradient_checkpointing=checkpointing, learning_rate=1e-4
    )
    train(request, lambda event: done() if isinstance(event, StepDone) else None)


def measured(case: Case, checkpointing: bool, details: bool) -> None:
    base = 0.0
    for label, work in (("bare", bare), ("step", step)):
        once = replace(case, steps=1)
        seconds, _ = passes(lambda done, work=work: work(case, checkpointing, done), counting=False)
        _, counted = passes(lambda done, work=work, once=once: work(once, checkpointing, done), counting=True)
        phases = Counter[str]()
        for (phase, _), count in counted.items():
            phases[phase] += count
        base = base or seconds
        numbers = " ".join(f"{name} {phases[name]:6}" for name in ("forward", "again", "backward", "outside"))
        print(
            f"{case.name:8} {named(label, checkpointing):20} {1000 * seconds:8.1f} ms {seconds / base:5.2f}  "
            f"{sum(phases.values()):6} operations: {numbers}",
            flush=True,
        )
        if details:
            for (phase, by), count in counted.most_common():
                print(f"    {count:6} {phase:9} {by}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=lambda text: text.split(","), default=["sdxl"])
    parser.add_argument("--checkpointing", type=lambda text: [word == "on" for word in text.split(",")])
    parser.add_argument("--dtype", choices=DTYPES, default="fp32")
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--counts", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for name in given.models:
        thin = f"{name}, thin"
        SIZES[thin] = replace(SIZES[name], tiny=THIN[name])
        with torch.inference_mode():
            model = built(thin, given.dtype, tiny=True)
            case = Case(name, SIZES[thin], model, 64, given.steps, 0.0, True, pairs=given.pairs)
            for checkpointing in given.checkpointing or [False, True]:
                measured(case, checkpointing, given.counts)


if __name__ == "__main__":
    main()
