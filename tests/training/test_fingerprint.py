"""A training is taken for the same one only where all that decides its result is the same."""

import copy
import os
import subprocess
import sys
import uuid
from dataclasses import replace
from pathlib import Path

import comfy.sd
import pytest
import torch
from comfy import model_management
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import WrappersMP
from comfy.quant_ops import QuantizedTensor
from comfy.sd import VAE
from comfy_extras.nodes_model_advanced import ModelSamplingDiscrete, ModelSamplingSD3
from comfy_extras.nodes_torch_compile import TorchCompileModel
from concept_sliders.slider_core.applying.apply import AppliedSlider, apply_slider
from concept_sliders.slider_core.applying.control import apply_slider_to_control_net
from concept_sliders.slider_core.data import Cycle
from concept_sliders.slider_core.lora.reading import deltas_for
from concept_sliders.slider_core.training import fingerprint as module
from concept_sliders.slider_core.training import train
from concept_sliders.slider_core.training.fingerprint import fingerprint
from import_path import import_path
from small_training import LAYERS, buckets, request
from tiny_models import CPU, TinyVAE, tiny_control_net, tiny_model

ROOT = Path(__file__).parents[2]
LAYER = LAYERS[0].removesuffix(".weight")


@pytest.fixture(scope="module")
def model():
    return tiny_model("sd3")


def of(model, cycle=None, **settings):
    return fingerprint(request(model, cycle, **settings), [])


def lora(scale=0.1, seed=0, dora=False):
    random = torch.Generator().manual_seed(seed)
    rows, columns = 128, 128
    magnitudes = {f"{LAYER}.dora_scale": torch.ones(rows, 1)} if dora else {}
    return {
        f"{LAYER}.lora_up.weight": torch.randn(rows, 4, generator=random) * scale,
        f"{LAYER}.lora_down.weight": torch.randn(4, columns, generator=random) * scale,
        **magnitudes,
    }


def with_lora(model, strength=1.0, **tensors):
    return comfy.sd.load_lora_for_models(model, None, lora(**tensors), strength, 0)[0]


def with_slider(model, strength=1.0, start=0.0, **tensors):
    return apply_slider(model, AppliedSlider(deltas_for(model, lora(**tensors))[0], strength, "", start))


def with_wrapper(model, number):
    clone = model.clone()

    def wrapper(executor, *args, **kwargs):
        return executor(*args, **kwargs) * number

    clone.add_wrapper_with_key(WrappersMP.APPLY_MODEL, str(uuid.uuid4()), wrapper)
    return clone


def with_patch(model, number):
    clone = model.clone()
    clone.set_model_attn1_patch(lambda q, k, v, extra_options: (q * number, k, v))
    return clone


def with_other_matrices(model):
    other = tiny_model("sd3", seed=1)
    norms = {k: v for k, v in model.model.state_dict().items() if v.ndim < 2}
    other.model.load_state_dict(norms, strict=False)
    return other


CHANGES = {
    "a LoRA": with_lora,
    "another LoRA": lambda model: with_lora(model, seed=1),
    "another strength of the LoRA": lambda model: with_lora(model, 0.5),
    "a slider": with_slider,
    "another slider": lambda model: with_slider(model, seed=1),
    "another strength of the slider": lambda model: with_slider(model, -1.0),
    "another start of the slider": lambda model: with_slider(model, start=0.3),
    "two sliders": lambda model: with_slider(with_slider(model), seed=1),
    "shift 1": lambda model: ModelSamplingSD3().patch(model, 1.0)[0],
    "shift 5": lambda model: ModelSamplingSD3().patch(model, 5.0)[0],
    "another kind of prediction": lambda model: ModelSamplingDiscrete().patch(model, "v_prediction", False)[0],
    "all matrices, no norm": with_other_matrices,
    "a wrapper": lambda model: with_wrapper(model, 1.0),
    "another number in the wrapper": lambda model: with_wrapper(model, 2.0),
    "torch.compile": lambda model: TorchCompileModel.execute(model, "inductor").args[0],
    "a patch of attention": lambda model: with_patch(model, 1.0),
    "another number in the patch": lambda model: with_patch(model, 2.0),
}


def test_every_change_of_the_model_is_another_training(model):
    found = {what: of(change(model)) for what, change in CHANGES.items()} | {"the model itself": of(model)}
    assert len(set(found.values())) == len(found)


@pytest.mark.parametrize("change", CHANGES)
def test_the_same_nodes_run_again_give_the_same_training(model, change):
    """As after a restart of the server: every object, address and random id is new."""
    assert of(CHANGES[change](model)) == of(CHANGES[change](tiny_model("sd3")))


RESTARTED = """
import runpy, sys
here = runpy.run_path({path!r})
model = here["tiny_model"]("sd3")
print("fingerprints", *(here["of"](change(model)) for change in here["CHANGES"].values()))
"""


def test_another_process_gives_the_same_fingerprints(model, tmp_path):
    """Python's sets have another order there."""
    script = tmp_path / "restarted.py"
    script.write_text(RESTARTED.format(path=__file__))
    env = {**os.environ, "PYTHONPATH": import_path(ROOT / "tests"), "PYTHONHASHSEED": "7"}
    command = [sys.executable, ROOT / "scripts" / "in_comfyui.py", "--cpu", script]
    said = subprocess.run(command, capture_output=True, text=True, env=env)
    line = next((line for line in said.stdout.splitlines() if line.startswith("fingerprints")), said.stderr)
    # The module of this file's own functions has another name there.
    own = {"a wrapper", "another number in the wrapper", "a patch of attention", "another number in the patch"}
    for (what, change), theirs in zip(CHANGES.items(), line.split()[1:], strict=True):
        assert of(change(model)) == theirs or what in own, what


@pytest.mark.parametrize("change", ["a LoRA", "a slider", "shift 5", "a wrapper", "a patch of attention"])
def test_what_is_loaded_at_the_moment_makes_no_difference(model, change):
    own, other = CHANGES[change](model), ModelSamplingSD3().patch(with_lora(model, 0.3), 2.0)[0]
    before = of(own), of(model)
    for patched in (own, other):
        model_management.load_models_gpu([patched])
        assert (of(own), of(model)) == before
    model_management.unload_all_models()
    assert (of(own), of(model)) == before


def test_a_slider_that_was_used_meanwhile_is_the_same(model):
    slid = with_slider(model)
    before = of(slid)
    train(request(slid, steps=1))
    assert of(slid) == before


@pytest.mark.parametrize("start", [0.0, 0.3])
def test_a_slider_with_lengths_of_its_own_that_was_used_is_the_same(model, start):
    """DoRA: what it needs of the base weight is found at the first call."""
    slid = with_slider(model, start=start, dora=True)
    before = of(slid)
    train(request(slid, steps=1))
    assert of(slid) == before


def test_a_slider_on_a_control_net_that_was_used_is_the_same(model):
    control, vae = tiny_control_net("sd3"), TinyVAE(16)
    slid = apply_slider_to_control_net(control, AppliedSlider(deltas_for(control, control_lora(control))[0]))
    given = {"control_net": slid, "vae": vae}
    before = of(model, **given)
    train(request(model, Cycle(with_control_pictures()), steps=1, **given))
    assert of(model, **given) == before


def with_control_pictures():
    return [
        replace(bucket, examples=tuple(replace(e, control=torch.ones(1, 64, 64, 3)) for e in bucket.examples))
        for bucket in buckets()
    ]


def test_injections_are_seen_whether_they_are_in_the_model_or_not(model):
    """ComfyUI's LoRA loader for quantised models hangs its layers into the model while it is loaded."""
    own = comfy.sd.load_bypass_lora_for_models(model, None, lora(), 1.0, 0)[0]
    before = of(own)
    assert before != of(model)
    model_management.load_models_gpu([own])
    assert of(own) == before
    model_management.unload_all_models()
    assert of(own) == before


def test_control_net_and_vae_count(model):
    control, vae = tiny_control_net("sd3"), TinyVAE(16)
    other_net = tiny_control_net("sd3", seed=1)
    slid = apply_slider_to_control_net(control, AppliedSlider(deltas_for(control, control_lora(control))[0]))
    further = control.copy()
    further.strength = 0.5
    found = [
        of(model),
        *(of(model, control_net=net, vae=vae) for net in (control, other_net, slid, further)),
        of(model, control_net=control, vae=TinyVAE(16, video=True)),
    ]
    assert len(set(found)) == len(found)
    assert of(model, control_net=control.copy(), vae=TinyVAE(16)) == found[1]
    assert of(model, control_net=tiny_control_net("sd3"), vae=vae) == found[1]
    # Without a ControlNet it is for previews only, which change nothing.
    assert of(model, vae=vae) == found[0]


def test_of_a_vae_its_weights_count(model):
    def vae(seed):
        made = VAE.__new__(VAE)
        network = torch.nn.Linear(99, 99)
        torch.nn.init.normal_(network.weight, generator=torch.Generator().manual_seed(seed))
        torch.nn.init.zeros_(network.bias)
        made.patcher, made.vae_dtype = ModelPatcher(network, CPU, CPU), torch.float32
        return made

    control = tiny_control_net("sd3")
    one, other = (of(model, control_net=control, vae=vae(seed)) for seed in (1, 2))
    assert of(model, control_net=control, vae=vae(1)) == one != other


def control_lora(control):
    names = control.control_model.state_dict()
    layer = next(name for name in names if name.endswith("x_block.attn.proj.weight")).removesuffix(".weight")
    return {key.replace(LAYER, f"control_model.{layer}"): value for key, value in lora().items()}


def test_quantised_and_packed_weights_are_probed_as_they_are_stored(model):
    def quantised(seed):
        other = tiny_model("sd3")
        layer = other.model.get_submodule(LAYER)
        weight = torch.randn(layer.weight.shape, generator=torch.Generator().manual_seed(seed))
        layer.weight = torch.nn.Parameter(QuantizedTensor.from_float(weight, "TensorCoreFP8E4M3Layout"), False)
        return other

    def fp8(seed):
        other = tiny_model("sd3")
        layer = other.model.get_submodule(LAYER)
        weight = torch.randn(layer.weight.shape, generator=torch.Generator().manual_seed(seed))
        layer.weight = torch.nn.Parameter(weight.to(torch.float8_e4m3fn), False)
        return other

    for stored in (quantised, fp8):
        assert of(stored(1)) == of(stored(1)) != of(stored(2))


@pytest.mark.parametrize(
    "settings",
    [{"learning_rate": 2e-3}, {"seed": 1}, {"kind": "loha"}, {"start_from": lora()}, {"assistant": lora()}],
)
def test_settings_count(model, settings):
    assert of(model, **settings) != of(model)


def test_data_counts(model):
    more, less, plain = buckets()
    brighter = replace(more.examples[0], latent=more.examples[0].latent + 1e-6)
    assert of(model, Cycle((replace(more, examples=(brighter, *more.examples[1:])), less, plain))) != of(model)
    assert of(model, Cycle(buckets(), seed=5)) != of(model)
    assert of(model, Cycle(buckets())) == of(model)


def test_what_has_no_effect_does_not_count(model, tmp_path):
    free = {"resume": True, "checkpoint": tmp_path / "a", "preview_every": 3, "description": {"title": "a"}}
    assert of(model, **free) == of(model)


def test_a_new_setting_cannot_be_forgotten(monkeypatch):
    for kind in module.DECIDING:
        monkeypatch.setitem(module.DECIDING, kind, set(list(module.DECIDING[kind])[1:]))
        with pytest.raises(TypeError, match=kind.__name__):
            module.check_declared()
        monkeypatch.undo()


def test_a_copied_patcher_is_the_same(model):
    assert of(model.clone()) == of(model)
    options = copy.copy(model)
    options.model_options = {**model.model_options, "sampler_cfg_function": with_patch}
    assert of(options) != of(model)
