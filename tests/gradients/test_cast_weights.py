"""No second copy of a weight is kept for the backward pass, whatever form it has."""

import gc

import pytest
import torch
from allocations import Allocations, set_aside_what_is_there
from comfy import ops
from comfy.quant_ops import QuantizedTensor
from concept_sliders.slider_core.gradients.saved_tensors import SavedTensors
from concept_sliders.slider_core.gradients.trainable import trainable
from concept_sliders.slider_core.strength import attached
from weight_forms import FORMS, NARROW, STRENGTH, WIDE, adapters_for, gradients, made


@pytest.fixture(autouse=True)
def only_what_is_new():
    """What other tests have made need not be looked through."""
    set_aside_what_is_there()


def whole_weights() -> int:
    """How many float tensors of the size of a weight there are that this test has made."""
    gc.collect()
    tensors = [
        o for o in gc.get_objects() if issubclass(type(o), torch.Tensor) and type(o) is not QuantizedTensor
    ]
    return len({t.data_ptr() for t in tensors if t.numel() == WIDE * NARROW and t.dtype == torch.float32})


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_weights_stay_in_their_form_and_are_not_kept_in_another(form, checkpointing):
    patcher, plain = made(form)
    expected = gradients(plain)
    del plain
    before, weights = whole_weights(), [(id(p), p.dtype) for p in patcher.model.parameters()]
    kept = []
    got = gradients(patcher, checkpointing, between=lambda: kept.append(whole_weights()))
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
    assert kept == [before]
    assert [(id(p), p.dtype) for p in patcher.model.parameters()] == weights


def test_without_care_a_cast_weight_is_kept():
    """What the test above would see: autograd keeps each weight as it was cast for the computation."""
    patcher, _ = made("bfloat16")
    with torch.inference_mode(False):
        model = patcher.model
        for parameter in model.parameters():
            parameter.data = parameter.detach().clone()
        before = whole_weights()
        x = torch.randn(3, NARROW, requires_grad=True).clone()
        loss = model.diffusion_model(x).sum()
        assert whole_weights() == before + 4 and loss.requires_grad


def test_weights_from_a_buffer_that_the_next_layer_reuses(monkeypatch):
    """So offloaded weights come: the buffer holds another layer's weight by the time of the backward pass."""
    patcher, plain = made("bfloat16")
    expected, original = gradients(plain), ops.cast_bias_weight
    buffer, fetched, released = torch.empty(WIDE * NARROW), [], []

    def through_the_buffer(layer, input=None, *args, offloadable=False, **kwargs):
        weight, bias, _ = original(layer, input, *args, offloadable=True, **kwargs)
        shared = buffer.detach()[: weight.numel()].view(weight.shape)
        shared.copy_(weight.detach())
        fetched.append(layer)
        return shared, bias, layer

    monkeypatch.setattr(ops, "cast_bias_weight", through_the_buffer)
    monkeypatch.setattr(ops, "uncast_bias_weight", lambda layer, weight, bias, stream: released.append(stream))
    for checkpointing in (False, True):
        for a, b in zip(gradients(patcher, checkpointing), expected, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
    assert released == fetched
    assert len(fetched) == (4 + 3) + (4 + 4 + 3)  # the first weight has no gradient to pass on


@pytest.mark.parametrize("checkpointing", [False, True])
def test_weights_that_stay_on_a_device_hold_no_step(monkeypatch, checkpointing):
    """So dynamic VRAM has them: the layer's weight is elsewhere, what it computes with is one object all the time."""
    patcher, _ = made("bfloat16")
    original, resident, saved = ops.cast_bias_weight, {}, SavedTensors()

    def cast_once(layer, *args, **kwargs):
        if layer not in resident:
            resident[layer] = original(layer, *args, **kwargs)
        return resident[layer]

    monkeypatch.setattr(ops, "cast_bias_weight", cast_once)
    levels = []
    with Allocations() as allocations, trainable(patcher, checkpointing=checkpointing, saved=saved) as model:
        adapters = adapters_for(model)
        for _ in range(4):
            with saved.active(), attached(model, adapters, STRENGTH):
                model.diffusion_model(torch.randn(3, NARROW)).square().mean().backward()
            for parameter in (p for of_layer in adapters.values() for p in of_layer[0].parameters()):
                parameter.grad = None
            levels.append(allocations.alive())
    assert levels[1] == levels[2] == levels[3]
