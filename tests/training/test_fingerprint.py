"""A training is taken for the same one only where all that decides its result is the same."""

import copy

import comfy.sd
import pytest
from comfy import model_management
from comfy_extras.nodes_model_advanced import ModelSamplingSD3
from concept_sliders.slider_core.training import train
from import_path import ROOT, import_path, in_comfyui
from model_changes import CHANGES, lora, of, with_lora, with_patch, with_slider
from small_training import request
from tiny_models import tiny_model


@pytest.fixture(scope="module")
def model():
    return tiny_model("sd3")


def test_every_change_of_the_model_is_another_training(model):
    found = {what: of(change(model)) for what, change in CHANGES.items()} | {"the model itself": of(model)}
    assert len(set(found.values())) == len(found)


@pytest.mark.parametrize("change", CHANGES)
def test_the_same_nodes_run_again_give_the_same_training(model, change):
    """As after a restart of the server: every object, address and random id is new."""
    assert of(CHANGES[change](model)) == of(CHANGES[change](tiny_model("sd3")))


RESTARTED = """
from model_changes import CHANGES, of
from tiny_models import tiny_model
model = tiny_model("sd3")
print("fingerprints", *(of(change(model)) for change in CHANGES.values()))
"""


def test_another_process_gives_the_same_fingerprints(model, tmp_path):
    """Python's sets have another order there."""
    script = tmp_path / "restarted.py"
    script.write_text(RESTARTED)
    said = in_comfyui("--cpu", script, PYTHONPATH=import_path(ROOT / "tests"), PYTHONHASHSEED="7")
    (line,) = (line for line in said.splitlines() if line.startswith("fingerprints"))
    for (what, change), theirs in zip(CHANGES.items(), line.split()[1:], strict=True):
        assert of(change(model)) == theirs, what


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


def test_injections_are_seen_whether_they_are_in_the_model_or_not(model):
    """ComfyUI's LoRA loader for quantised models hangs its layers into the model while it is loaded."""
    own = comfy.sd.load_bypass_lora_for_models(model, None, lora(), 1.0, 0)[0]
    before = of(own)
    assert before != of(model)
    model_management.load_models_gpu([own])
    assert of(own) == before
    model_management.unload_all_models()
    assert of(own) == before


def test_a_copied_patcher_is_the_same(model):
    assert of(model.clone()) == of(model)
    options = copy.copy(model)
    options.model_options = {**model.model_options, "sampler_cfg_function": with_patch}
    assert of(options) != of(model)
