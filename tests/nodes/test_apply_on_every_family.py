"""Apply Slider in ComfyUI's own sampling run, on every family: a strength for the prompt, another for the negative."""

from contextlib import contextmanager

import comfy.sd
import pytest
import torch
from comfy import sample
from comfy.conds import CONDConstant, CONDRegular
from concept_sliders.slider_core.adapters import AdapterConfig, make_adapters, uniform_plan
from concept_sliders.slider_core.architectures import select_targets
from concept_sliders.slider_core.files import to_slider
from small_sampling import apply, at
from tiny_models import NAMES, samples, shared_model, tiny_call

FOR_BOTH = {"condition"}  # SeedVR2's picture to restore, one for prompt and negative
# MiniMax H3 takes one sample a call.
TOGETHER = [name for name in NAMES if samples(tiny_call(name)) > 1]


def random_slider(patcher):
    torch.manual_seed(0)
    adapters = make_adapters(patcher, uniform_plan(select_targets(patcher), AdapterConfig(rank=2)))
    for of_layer in adapters.values():
        for adapter in of_layer:
            torch.nn.init.normal_(adapter.up, std=0.1)
    return to_slider(adapters)


def of_sample(value, number, count):
    if isinstance(value, list):
        return [of_sample(item, number, count) for item in value]
    return value.chunk(count)[number] if torch.is_tensor(value) else value


@contextmanager
def prompts_from(call, model):
    """Lets prompts be the call's: each of an entry's number, whatever the family makes of real ones."""

    def extra_conds(number, **_):
        given = {
            key: of_sample(value, 0 if key in FOR_BOTH else number, samples(call))
            for key, value in call.items()
        }
        return {
            key: CONDRegular(value) if torch.is_tensor(value) else CONDConstant(value)
            for key, value in given.items()
            if key not in ("x", "t", "transformer_options")
        }

    model.extra_conds = extra_conds
    try:
        yield
    finally:
        del model.extra_conds


def prompt(call, number):
    return [[torch.zeros(1, 1, 1), {"number": number}]]


def step(patcher, call, positive, negative, cfg):
    """One step to the clean picture: negative + cfg · (positive − negative)."""
    x = of_sample(call["x"], 0, samples(call))
    settings = {"seed": 0, "disable_pbar": True}
    with torch.inference_mode(), prompts_from(call, patcher.model):
        return sample.sample(
            patcher, x, 1, cfg, "euler", "simple", positive, negative, torch.zeros_like(x), **settings
        )


@pytest.mark.parametrize("name", TOGETHER)
def test_prompt_and_negative_each_have_what_the_stock_loader_gives_at_their_strength(name):
    patcher, call = shared_model(name), tiny_call(name)
    slider, positive, negative = random_slider(patcher), prompt(call, 0), prompt(call, 1)

    def stock(prompt, strength):
        loaded = comfy.sd.load_lora_for_models(patcher, None, slider, strength, 0)[0]
        return step(loaded, call, prompt, prompt, cfg=1.0)

    got = step(apply(patcher, slider, 0.0), call, at(positive, "0.8"), at(negative, "-0.6"), cfg=2.0)
    expected = 2 * stock(positive, 0.8) - stock(negative, -0.6)
    effect = (expected - 2 * stock(positive, 0.0) + stock(negative, 0.0)).abs().max()
    assert effect > 1e-4 and (got - expected).abs().max() <= 5e-3 * effect + 1e-5 * expected.abs().max()
