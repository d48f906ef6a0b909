"""A saved slider in ComfyUI's own LoRA loader gives the same output as in SliderApply, at any strength."""

import logging
import sys
from functools import cache
from itertools import combinations
from pathlib import Path

import comfy.sd
import pytest
import torch
from comfy.model_management import load_models_gpu, unload_all_models
from comfy.model_patcher import create_model_options_clone
from comfy.sampler_helpers import prepare_model_patcher
from concept_sliders.slider_core.adapters import AdapterConfig
from concept_sliders.slider_core.applying.apply import READER, AppliedSlider, apply_slider
from concept_sliders.slider_core.files import load, save, to_slider
from concept_sliders.slider_core.lora.reading import deltas_for
from concept_sliders.slider_core.strength import attached
from tiny_models import NAMES, samples, shared_model, tiny_call

sys.path.insert(0, str(Path(__file__).parent))
from trained_sliders import adapters_as_trained

STRENGTHS = (-2.0, 0.0, 1.3)
KINDS = {
    "rslora": AdapterConfig("lora", 2, 3.0, options={"rslora": True}),
    "dora": AdapterConfig("lora", 2, options={"dora": True}),
    "locon tucker": AdapterConfig("locon", 2, conv_rank=3, conv_alpha=1.0, options={"use_tucker": True}),
    "loha": AdapterConfig("loha", 2, 1.0, options={"use_tucker": True}),
    "lokr": AdapterConfig("lokr", 2, 1.0),
    "loha dora": AdapterConfig("loha", 2, 1.0, options={"dora": True}),
    "lokr dora": AdapterConfig("lokr", 2, 1.0, options={"dora": True}),
    "lokr full": AdapterConfig("lokr", options={"full_matrix": True, "factor": 8}),
    "lokr both": AdapterConfig("lokr", 1, options={"decompose_both": True, "use_tucker": True}),
    "oft": AdapterConfig("oft", 4, options={"constraint": 0.001, "rescaled": True}),
    "boft": AdapterConfig("boft", 1024),
    "glora": AdapterConfig("glora", 2),
    "ia3": AdapterConfig("ia3"),
    "ia3 input": AdapterConfig("ia3", options={"train_on_input": True}),
    "dylora": AdapterConfig("dylora", 4, 2.0, options={"block_size": 2}),
    "full": AdapterConfig("full"),
}


def in_stock_loader(patcher, slider, strength, call):
    loaded, _ = comfy.sd.load_lora_for_models(patcher, None, slider, strength, 0)
    loaded.unpatch_model()  # ComfyUI passes over layers that a test before this one has loaded
    loaded.patch_model()
    forget_prompts(loaded.model)
    try:
        return loaded.model.apply_model(**call)
    finally:
        loaded.unpatch_model()
        forget_prompts(loaded.model)


def forget_prompts(model):
    """ComfyUI's HiDream-O1 keeps a prompt's keys and values, also when a LoRA then changes the weights."""
    if hasattr(model.diffusion_model, "clear_kv_cache"):
        model.diffusion_model.clear_kv_cache()


def in_slider_apply(patcher, slider, strength, call, **options):
    deltas, unused = deltas_for(patcher, slider)
    assert not unused
    return called(apply_slider(patcher, AppliedSlider(deltas, strength)), call, **options)


def called(patcher, call, **options):
    """A model call as ComfyUI's samplers make it: loaded, with the wrappers and options of the patcher."""
    load_models_gpu([patcher])
    forget_prompts(patcher.model)
    given = create_model_options_clone(patcher.model_options)
    prepare_model_patcher(patcher, {}, given)
    options |= given["transformer_options"] | call.get("transformer_options", {})
    try:
        return patcher.model.apply_model(**call | {"transformer_options": options})
    finally:
        unload_all_models()
        forget_prompts(patcher.model)


@torch.no_grad()
def assert_same_everywhere(patcher, adapters, path, call, caplog):
    """Adapters as trained, the file in Apply Slider (in the weights, and by row), and in ComfyUI's loader agree."""
    slider = load(save(to_slider(adapters), path))
    base = patcher.model.apply_model(**call)
    for strength in STRENGTHS:
        with caplog.at_level(logging.WARNING), attached(patcher.model, adapters, torch.full((2,), strength)):
            training = patcher.model.apply_model(**call)
        stock = in_stock_loader(patcher, slider, strength, call)
        effect = (training - base).abs().max()
        for applied in (
            in_slider_apply(patcher, slider, strength, call),
            in_slider_apply(patcher, slider, 0.0, call, **{READER: {None: strength}}),
        ):
            assert (stock - applied).abs().max() <= 2e-4 * effect + 1e-6 * base.abs().max()
            assert (training - applied).abs().max() <= 2e-4 * effect + 1e-6 * base.abs().max()
            assert (effect > 1e-3) if strength else torch.equal(applied, base)
    assert not [record.message for record in caplog.records if "loaded" in record.message.lower()]
    assert not [record.message for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("name", NAMES)
def test_lora_on_every_family(name, tmp_path, caplog):
    patcher = shared_model(name)
    adapters = adapters_as_trained(patcher, AdapterConfig("lora", 2, 1.0), 0.2)
    assert_same_everywhere(patcher, adapters, tmp_path / "slider.safetensors", tiny_call(name), caplog)


@pytest.mark.parametrize("name", [name for name in NAMES if samples(tiny_call(name)) > 1])
@torch.no_grad()
def test_each_row_has_its_own_strength_on_every_family(name):
    """A call of rows with different strengths gives each row what the weights give it at its strength."""
    patcher, call = shared_model(name), tiny_call(name)
    slider = to_slider(adapters_as_trained(patcher, AdapterConfig("lora", 2, 1.0), 0.2))
    strengths = [s for s in (-0.7, 1.3) for _ in range(len(call["x"]) // 2)]
    got = in_slider_apply(patcher, slider, 0.0, call, **{READER: {None: strengths}})
    base = in_slider_apply(patcher, slider, 0.0, call)
    for row, strength in enumerate(strengths):
        expected = in_slider_apply(patcher, slider, strength, call)[row]
        effect = (expected - base[row]).abs().max()
        assert effect > 1e-4 and (got[row] - expected).abs().max() <= 1e-3 * effect + 1e-6 * base.abs().max()


@pytest.mark.parametrize("name", ["sd15", "flux", "hunyuan_video", "wan21"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind(kind, name, tmp_path, caplog):
    """On convolutions of two and three dimensions, and on fused weights with and without ComfyUI's part names."""
    patcher = shared_model(name)
    adapters = adapters_as_trained(patcher, KINDS[kind], 0.05)
    assert_same_everywhere(patcher, adapters, tmp_path / "slider.safetensors", tiny_call(name), caplog)


STACKED_ON = "flux"
PAIR = (0.8, -0.6)
DIFFERENT = [kind for kind in KINDS if kind not in ("lokr full", "lokr both", "dylora")]


@cache
def deltas_of(kind):
    patcher = shared_model(STACKED_ON)
    found, unused = deltas_for(patcher, to_slider(adapters_as_trained(patcher, KINDS[kind], 0.05)))
    assert not unused
    return found


@torch.no_grad()
def in_weights(*stack):
    """The weights of the model with these sliders, by key, and its prediction."""
    patcher = shared_model(STACKED_ON)
    for kind, strength in stack:
        patcher = apply_slider(patcher, AppliedSlider(deltas_of(kind), strength))
    load_models_gpu([patcher])
    weights = {key: value.clone() for key, value in patcher.model.state_dict().items()}
    return weights, patcher.model.apply_model(**tiny_call(STACKED_ON))


@torch.no_grad()
def by_rows(*stack):
    load_models_gpu([shared_model(STACKED_ON)])
    model, rows = shared_model(STACKED_ON).model, torch.ones(2)
    (one, s), (two, t) = stack
    with attached(model, deltas_of(one), s * rows), attached(model, deltas_of(two), t * rows):
        return model.apply_model(**tiny_call(STACKED_ON))


@cache
def alone(kind, strength):
    return in_weights((kind, strength))


@pytest.mark.parametrize("one, two", combinations(DIFFERENT, 2))
def test_each_of_two_sliders_changes_the_base_weight_in_any_order(one, two):
    base, plain = in_weights()
    stack = (one, PAIR[0]), (two, PAIR[1])
    singly = [alone(*slider)[0] for slider in stack]
    rows = [by_rows(*stack), by_rows(*reversed(stack))]
    for weights, output in (in_weights(*stack), in_weights(*reversed(stack))):
        for key, value in weights.items():
            expected = singly[0][key] + singly[1][key] - base[key]
            assert torch.allclose(value, expected, atol=1e-5), key
        effect = (output - plain).abs().max()
        assert effect > 1e-3 and all((of_rows - output).abs().max() <= 1e-3 * effect for of_rows in rows)
