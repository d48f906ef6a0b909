"""Faults at random moments of a training: the model is as it was, and the training goes on as if nothing had been.

    python3 scripts/run.py python tests/faults.py --cases 200 --kills 50

A case raises an error (memory runs out, Ctrl-C, …) at a random operation of torch or, for what Python raises between
two instructions, at a random one of the training's own code and torch's optimisers. A kill ends a process that trains,
at a random moment, again and again until it gets to its end.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
from comfy.model_management import InterruptProcessingException
from comfy.model_patcher import create_model_options_clone
from comfy.sampler_helpers import prepare_model_patcher
from concept_sliders.slider_core.data import Cycle
from concept_sliders.slider_core.files import load, save
from concept_sliders.slider_core.training import Message, Paused, Stopped, train
from injecting import AtInstruction, AtOperation, InUpdate
from small_training import buckets, request
from tiny_models import tiny_call, tiny_model

ERRORS = (torch.OutOfMemoryError, RuntimeError, MemoryError, KeyboardInterrupt, InterruptProcessingException)
SETTINGS = [
    {"optimiser": "AdamW"},
    {"optimiser": "AdamW", "gradient_checkpointing": True, "weight_decay": 0.1},
    {"optimiser": "Adafactor", "kind": "loha"},
    {"optimiser": "NAdam", "dtype": torch.bfloat16, "learning_rate": 1e-2},
    {"optimiser": "SGD", "kind": "lokr", "learning_rate": 1e-1},
    {"optimiser": "RAdam", "kind": "oft", "schedule": "constant"},
    {"model_dtype": torch.float16, "optimiser": "Adam"},  # with a gradient scaler
]
STEPS = 4


def training(model, **settings):
    return request(model, Cycle(buckets()), **{"steps": STEPS, "checkpoint_every": 1, **settings})


@dataclass
class Reference:
    """A training that nothing befalls: the slider after each step, and how many moments there are for a fault."""

    settings: dict
    sliders: dict = field(default_factory=dict)
    moments: dict = field(default_factory=dict)

    def __post_init__(self):
        self.settings = dict(self.settings)
        self.model = made(self.settings.pop("model_dtype", torch.float32))

        def on_event(event):
            if isinstance(event, Paused):
                self.sliders[event.result.steps] = event.result.slider

        for kind in (AtOperation, InUpdate, AtInstruction):
            with tempfile.TemporaryDirectory() as folder, kind() as counted:
                train(training(self.model, checkpoint=Path(folder, "slider"), **self.settings))
            self.moments[kind] = counted.count
        self.losses = train(training(self.model, preview_every=1, **self.settings), on_event).losses
        self.before, self.picture = state(self.model), predict(self.model)


def made(dtype=torch.float32):
    """The tiny model as ComfyUI's loaders leave it."""
    with torch.inference_mode():
        model = tiny_model("sd3")
        model.model.model_config.set_inference_dtype(dtype, None)
        model.model.diffusion_model.to(dtype)
        model.model.diffusion_model.dtype = dtype
    return model


def case(reference: Reference, kind, at, error, after=False) -> list[str]:
    """What is not as it should be after a fault at this moment."""
    events, wrong, raised = [], [], None
    with tempfile.TemporaryDirectory() as folder:
        settings = {"checkpoint": Path(folder, "slider"), "resume": True, **reference.settings}
        try:
            with kind(at, error, after):
                trained = train(training(reference.model, **settings), events.append)
        except ERRORS as fault:
            raised, trained = fault, None
        if raised is not None and not isinstance(raised, error):
            wrong.append(f"raised {raised!r}")
        wrong += _harm_to_model(reference)
        split = any("Memory ran out" in event.text for event in events if isinstance(event, Message))
        if trained is None:
            stopped = [event.result for event in events if isinstance(event, Stopped)]
            wrong += _unlike(reference, stopped[0], split) if stopped else []
            trained = train(training(reference.model, **settings), events.append)
        wrong += _unlike(reference, trained, split)
        left = [file.name for file in Path(folder).iterdir()]
        if len(left) != 1:
            wrong.append(f"left {left}")
    return wrong


def _harm_to_model(reference) -> list[str]:
    after, modules = state(reference.model), reference.model.model.modules()
    wrong = []
    if not all(
        a[:2] == b[:2] and torch.equal(a[2], b[2])
        for a, b in zip(reference.before.values(), after.values(), strict=True)
    ):
        wrong.append("the model's weights are not the same")
    if any(m._forward_hooks or m._forward_pre_hooks or "forward" in vars(m) for m in modules):
        wrong.append("hooks or another forward stay on the model")
    if not torch.equal(predict(reference.model), reference.picture):
        wrong.append("the model predicts something else")
    return wrong


def _unlike(reference, trained, split) -> list[str]:
    """Where a slider is not that of the same step of the reference; rows in several calls are added otherwise."""
    if not trained.steps:
        return []
    wrong = []
    expected = reference.sliders[trained.steps]
    if split:
        distance = (
            sum(float((trained.slider[key] - expected[key]).float().norm() ** 2) for key in expected) ** 0.5
        )
        size = sum(float(expected[key].float().norm() ** 2) for key in expected) ** 0.5
        if not distance < 1e-2 * size:
            wrong.append(f"step {trained.steps}: {100 * distance / size:.1f} % off")
    elif not equal(trained.slider, expected):
        wrong.append(f"the slider of step {trained.steps} is another")
    for name, values in trained.losses.items():
        known = reference.losses[name][: trained.steps]
        if len(values) != trained.steps or not (split or same_numbers(values, known)):
            wrong.append(f"losses of step {trained.steps} are others")
    return wrong


def state(model):
    """Every weight's object, place in memory and value."""
    tensors = model.model.state_dict(keep_vars=True)
    return {name: (id(tensor), tensor.data_ptr(), tensor.clone()) for name, tensor in tensors.items()}


def predict(model):
    """The denoised latents of one model call, as a sampler makes it."""
    options = create_model_options_clone(model.model_options)
    prepare_model_patcher(model, {}, options)
    call = {
        key: value.to(model.model_dtype()) if value.is_floating_point() else value
        for key, value in tiny_call("sd3").items()
    }
    with torch.inference_mode():
        return model.model.apply_model(**call, transformer_options=options["transformer_options"])


def equal(one, other) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def same_numbers(one, other) -> bool:
    return torch.equal(torch.tensor(one).nan_to_num(-1.0), torch.tensor(other).nan_to_num(-1.0))


def random_cases(count, seed=0, settings=SETTINGS):
    """Wrong things of `count` faults, each with what it was."""
    chance = random.Random(seed)
    references = [Reference(each) for each in settings]
    for number in range(count):
        reference = references[number % len(references)]
        kind = chance.choice([AtOperation, InUpdate, AtInstruction])
        at = chance.randint(1, reference.moments[kind])
        error = chance.choice(ERRORS)
        after = chance.random() < 0.5
        moment = f"{error.__name__} {'after' if after else 'before'} {kind.__name__} {at}"
        yield f"{number}: {reference.settings}, {moment}", case(reference, kind, at, error, after)


def killed(settings, seed=0, kills=5) -> list[str]:
    """What is wrong with a training whose process is killed `kills` times at random moments and then let be."""
    settings = dict(settings)
    model = made(settings.pop("model_dtype", torch.float32))
    chance, wrong = random.Random(seed), []
    start = time.perf_counter()
    expected = train(training(model, **settings))
    seconds = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        checkpoint, done = Path(folder, "slider"), Path(folder, "done.safetensors")
        for number in range(kills + 1):
            child = os.fork()
            if child == 0:
                _train_in_child(model, settings, checkpoint, done)
            if number < kills:
                time.sleep(chance.uniform(0, 1.3) * seconds)
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        if not done.exists() or not equal(load(done), expected.slider):
            wrong.append("the slider is another")
        left = sorted(file.name for file in Path(folder).iterdir())
        if len(left) != 2:
            wrong.append(f"left {left}")
    return wrong


def _train_in_child(model, settings, checkpoint, done):
    code = 1
    try:
        save(train(training(model, checkpoint=checkpoint, resume=True, **settings)).slider, done)
        code = 0
    finally:
        os._exit(code)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)  # a child that is forked has no other threads
    bad = 0
    for what, wrong in random_cases(options.cases, options.seed) if options.cases else ():
        bad += bool(wrong)
        print(what, "ok" if not wrong else f"WRONG: {'; '.join(wrong)}", flush=True)
    rounds = max(1, options.kills // 5) if options.kills and hasattr(os, "fork") else 0
    for number in range(rounds):
        wrong = killed(SETTINGS[number % len(SETTINGS)], options.seed + number)
        bad += bool(wrong)
        print(
            f"5 kills, {SETTINGS[number % len(SETTINGS)]}", "ok" if not wrong else f"WRONG: {wrong}", flush=True
        )
    print(f"{options.cases} faults and {5 * rounds} kills; {bad} cases with something wrong.")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
