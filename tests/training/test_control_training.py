"""Sliders on ControlNets, and sliders on a model while a ControlNet is active."""

from dataclasses import replace

import pytest
import torch
from comfy.model_management import InterruptProcessingException
from concept_sliders.slider_core.adapters import AdapterConfig, uniform_plan
from concept_sliders.slider_core.applying.applied import AppliedSlider
from concept_sliders.slider_core.applying.control import apply_slider_to_control_net
from concept_sliders.slider_core.architectures import select_targets
from concept_sliders.slider_core.data import Bucket, Cycle
from concept_sliders.slider_core.lora.reading import deltas_for
from concept_sliders.slider_core.training import RequestError, TrainRequest, train
from concept_sliders.slider_core.training.held_out import held_out_losses
from nodes import ControlNetApplyAdvanced
from small_sampling import prompt, sample
from small_training import LAYERS, example
from tiny_models import TinyVAE, tiny_control_net


@pytest.fixture
def control_net():
    with torch.inference_mode():
        yield tiny_control_net("sd3")


def with_control(name, offset):
    random = torch.Generator().manual_seed(ord(name))
    return replace(example(name, offset), control=torch.rand(1, 64, 64, 3, generator=random))


def cycle():
    return Cycle(
        (
            Bucket("more", tuple(with_control(n, 1.0) for n in "ab"), 0.5),
            Bucket("less", tuple(with_control(n, -1.0) for n in "ab"), -0.5),
        )
    )


def request(model, control_net, targets, **settings):
    plan = uniform_plan(targets, AdapterConfig(rank=2))
    return TrainRequest(
        model, plan, cycle(), control_net=control_net, vae=TinyVAE(16), steps=8, learning_rate=1e-2, **settings
    )


def weights(control_net):
    return {name: tensor.clone() for name, tensor in control_net.control_model.state_dict().items()}


def test_a_slider_on_a_control_net(model, control_net):
    before = weights(control_net)
    trained = train(request(model, control_net, select_targets(control_net), train_control=True))
    assert all(key.startswith("control_model.") for key in trained.slider)
    assert any(bool(trained.slider[key].abs().max() > 1e-3) for key in trained.slider if "lora_up" in key)
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights(control_net).items())
    assert not any(module._forward_hooks for module in control_net.control_model.modules())


def test_what_is_held_out_is_measured_with_the_slider_on_the_control_net(model, control_net):
    asked = request(model, control_net, select_targets(control_net), train_control=True)
    slider, before = train(asked).slider, weights(control_net)
    measured = held_out_losses(asked, slider, (Bucket("unseen", (with_control("c", 1.0),), 0.5),)).of(+1)
    assert measured.with_slider != measured.without > 0
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights(control_net).items())
    assert not any(module._forward_hooks for module in control_net.control_model.modules())


def test_a_slider_on_the_model_while_a_control_net_is_active(model, control_net):
    targets = [t for t in select_targets(model) if t.key in LAYERS]
    with_it = train(request(model, control_net, targets))
    without = train(request(model, None, targets))
    assert with_it.losses["loss"][0] != pytest.approx(without.losses["loss"][0], rel=1e-4)


def test_training_after_a_sampling_that_was_cancelled(model, control_net):
    """ComfyUI cleans up after a sampling that ends well; what was made in inference mode has no gradient."""
    layer = "control_model.joint_blocks.1.x_block.attn.proj"
    lora = {f"{layer}.lora_up.weight": torch.ones(128, 4), f"{layer}.lora_down.weight": torch.ones(4, 128)}
    slid, unused = (
        apply_slider_to_control_net(control_net, AppliedSlider(deltas_for(control_net, lora)[0])) for _ in "ab"
    )
    targets = select_targets(control_net)
    positive, negative = prompt("sd3", 1), prompt("sd3", 2)
    with torch.inference_mode(), pytest.raises(InterruptProcessingException):
        controlled = ControlNetApplyAdvanced().apply_controlnet(
            positive, negative, slid, torch.rand(1, 64, 64, 3), 1.0, 0.0, 1.0, vae=TinyVAE(16)
        )
        sample(cancelled_in_the_first_step(model), *controlled)
    assert any(by_row.kept._joint._casts for by_row in slid.sliders)
    trained, expected = (
        train(request(model, control, targets, train_control=True)) for control in (slid, unused)
    )
    assert trained.losses["loss"] == expected.losses["loss"]
    assert not any(by_row.kept._joint._casts for by_row in slid.sliders)


def cancelled_in_the_first_step(model):
    def cancel(args):
        raise InterruptProcessingException

    clone = model.clone()
    clone.set_model_sampler_post_cfg_function(cancel)
    return clone


class LearnedVAE(TinyVAE):
    """With weights, as a VAE that ComfyUI has loaded."""

    def __init__(self):
        super().__init__(16)
        self.layer = torch.nn.Conv2d(16, 16, 1)

    def encode(self, pixels):
        return self.layer(super().encode(pixels))


@pytest.mark.parametrize("in_inference_mode", [True, False], ids=["from the graph", "from a script"])
def test_control_pictures_are_encoded_without_gradients(model, control_net, in_inference_mode):
    with torch.inference_mode(in_inference_mode), torch.set_grad_enabled(not in_inference_mode):
        vae = LearnedVAE()
    targets = [t for t in select_targets(model) if t.key in LAYERS]
    assert train(replace(request(model, control_net, targets), vae=vae)).steps == 8
    assert vae.layer.weight.grad is None


def test_a_control_net_needs_control_pictures(model, control_net):
    plain = Cycle((Bucket("more", (example("a"),), 0.5), Bucket("less", (example("a"),), -0.5)))
    with pytest.raises(RequestError, match="control images"):
        replace(request(model, control_net, select_targets(control_net), train_control=True), cycle=plain)
