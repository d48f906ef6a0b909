"""Training leaves the model as it was, however it ends, and free for others at each pause."""

import dataclasses

import comfy.sd
import pytest
import torch
from comfy.model_management import InterruptProcessingException, load_models_gpu
from concept_sliders.slider_core.adapters import AdapterConfig, uniform_plan
from concept_sliders.slider_core.architectures.target import Target
from concept_sliders.slider_core.gradients.saved_tensors import SavedTensors
from concept_sliders.slider_core.training import Paused, StepDone, Stopped, train
from predictions import predict
from small_training import LAYERS, request
from tiny_models import tiny_model


def state(model):
    """Every weight's object, place in memory and value."""
    tensors = model.model.state_dict(keep_vars=True)
    return {name: (id(tensor), tensor.data_ptr(), tensor.clone()) for name, tensor in tensors.items()}


def same(before, after):
    return all(
        a[:2] == b[:2] and torch.equal(a[2], b[2]) for a, b in zip(before.values(), after.values(), strict=True)
    )


def test_of_weights_that_layers_cast_for_each_use_nothing_is_noted_for_longer_than_a_step(monkeypatch):
    model = tiny_model("sd3")
    for layer in model.model.modules():
        if isinstance(layer, torch.nn.Linear):
            layer.weight.data, layer.comfy_cast_weights = layer.weight.data.bfloat16(), True
    noted, seen, active = [], [], SavedTensors.active

    def noting(saved):
        noted.append(len(saved.weights._made))
        seen.append(saved.weights.seen)
        return active(saved)

    monkeypatch.setattr(SavedTensors, "active", noting)
    train(request(model, steps=5, gradient_checkpointing=True))
    assert noted == [0] * 5 and seen == [False, True, True, True, True]


class FaultError(Exception):
    pass


@pytest.mark.parametrize("reason", [None, FaultError, InterruptProcessingException, torch.OutOfMemoryError])
def test_the_model_is_as_it_was_after_success_error_cancel_and_out_of_memory(model, reason):
    events = []

    def on_event(event):
        events.append(event)
        if reason and isinstance(event, StepDone) and event.step == 2:
            raise reason()

    before, picture = state(model), predict(model)
    if reason:
        with pytest.raises(reason):
            train(request(model), on_event)
        assert isinstance(events[-1], Stopped) and events[-1].result.steps == 2
    else:
        train(request(model), on_event)
    assert same(before, state(model)) and torch.equal(picture, predict(model))
    assert not any(module._forward_hooks for module in model.model.modules())


def test_the_model_is_free_for_a_preview_at_each_pause(model):
    picture, seen = predict(model), []

    def on_event(event):
        if isinstance(event, Paused):
            with torch.inference_mode():
                seen.append((event.result.steps, torch.equal(predict(model), picture)))

    paused = train(request(model, preview_every=2, steps=5), on_event).slider
    assert seen == [(2, True), (4, True), (5, True)]
    straight = train(request(model, steps=5)).slider
    assert all(torch.equal(paused[key], straight[key]) for key in straight)


def test_what_is_handed_out_at_a_pause_stays_as_it_is_while_training_goes_on(model):
    handed_out = []

    def on_event(event):
        if isinstance(event, Paused):
            slider, losses = event.result.slider, event.result.losses
            copies = {key: value.clone() for key, value in slider.items()}
            handed_out.append((slider, copies, losses, len(losses["loss"])))

    last = train(request(model, preview_every=2, steps=5), on_event).slider
    for slider, copies, losses, steps in handed_out:
        assert all(torch.equal(slider[key], copies[key]) for key in copies) and len(losses["loss"]) == steps
    assert not torch.equal(
        *(s[f"{LAYERS[0].removesuffix('.weight')}.lora_up.weight"] for s in (handed_out[0][0], last))
    )


@pytest.mark.parametrize("kind", ["dora", "full", "oft", "ia3"])
def test_what_is_loaded_before_makes_no_difference(model, kind):
    """DoRA starts from the magnitudes of the weight's rows: those of the model that it is trained on."""
    layer = LAYERS[0].removesuffix(".weight")
    random = {
        f"{layer}.lora_{way}.weight": torch.randn(shape)
        for way, shape in (("up", (128, 4)), ("down", (4, 128)))
    }
    patched = comfy.sd.load_lora_for_models(model, None, random, 1.0, 0)[0]
    config = AdapterConfig("lora", 2, options={"dora": True}) if kind == "dora" else AdapterConfig(kind, 2)
    plan = uniform_plan([Target(key) for key in LAYERS], config)
    of = {}
    for before in (model, patched):
        for trained in (model, patched):
            load_models_gpu([before])
            of[before, trained] = train(dataclasses.replace(request(trained, steps=2), plan=plan)).slider
    for trained in (model, patched):
        one, other = of[model, trained], of[patched, trained]
        assert all(torch.equal(one[key], other[key]) for key in one)
