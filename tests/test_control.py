"""Sliders on ControlNets: any strength, per row and per conditioning; and exact gradients through the control."""

import pytest
import torch
from comfy import sample
from concept_sliders.slider_core.adapters import AdapterConfig, make_adapters, uniform_plan
from concept_sliders.slider_core.applying.apply import AppliedSlider, apply_slider
from concept_sliders.slider_core.applying.control import (
    ControlError,
    apply_slider_to_control_net,
    attached_to_control,
)
from concept_sliders.slider_core.architectures import select_targets
from concept_sliders.slider_core.gradients.trainable import trainable
from concept_sliders.slider_core.strength import attached, with_strength
from families import CONTROL
from tiny_models import TinyVAE, shared_model, tiny_call, tiny_control_net

# Of so small a ControlNet, ComfyUI does not use the last block.

STRENGTHS = torch.tensor([1.0, -0.7])


@pytest.fixture(scope="module", params=CONTROL)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def control_net(name):
    """A ControlNet as ComfyUI's loaders leave it: made in inference mode; its control picture is set."""
    with torch.inference_mode():
        return tiny_control_net(name)


def base_of(name):
    return name.removesuffix("_fun")


def with_picture(control_net, name, seed=0):
    call = tiny_call(base_of(name))
    picture = torch.rand(
        1, 3, *(8 * n for n in call["x"].shape[-2:]), generator=torch.Generator().manual_seed(seed)
    )
    latents = control_net.latent_format
    vae = None if latents is None else TinyVAE(latents.latent_channels, video=name.startswith("qwen"))
    return control_net.copy().set_cond_hint(picture, vae=vae)


def adapters_on(root) -> dict:
    """Random adapters on every target of a model or ControlNet."""
    torch.manual_seed(0)
    adapters = make_adapters(root, uniform_plan(select_targets(root), AdapterConfig(rank=2)))
    with torch.no_grad():
        for parameter in parameters_of(adapters):
            parameter.normal_(std=0.3 / parameter.shape[1] ** 0.5)
    return adapters


def parameters_of(adapters) -> list:
    return [p for of_layer in adapters.values() for a in of_layer for p in a.parameters()]


def prediction(model, control, call, **options):
    """A model call with a control, made as ComfyUI's samplers make it; the pair is ready to run."""
    control.pre_run(model, model.model_sampling.percent_to_sigma)
    options = {"cond_or_uncond": [0], "uuids": [None], **options}
    rows = dict(call)
    made = control.get_control(rows["x"], rows["t"], rows, len(options["uuids"]), options)
    return model.apply_model(**rows, control=made, transformer_options=options)


def test_rows_and_conditionings_have_their_own_strength(name, control_net):
    model, call = shared_model(base_of(name)).model, tiny_call(base_of(name))
    slider = AppliedSlider(adapters_on(control_net), strength=0.0)
    slid = with_picture(apply_slider_to_control_net(control_net, slider), name)
    with torch.inference_mode():
        plain = prediction(model, with_picture(control_net, name), call)
        assert torch.equal(prediction(model, slid, call), plain)
        together = prediction(model, slid.at(STRENGTHS.tolist()), call)
        for row, strength in enumerate(STRENGTHS.tolist()):
            alone = prediction(model, slid.at(strength), call)
            torch.testing.assert_close(
                together[row], alone[row], rtol=1e-3, atol=1e-4 * float(alone.abs().max())
            )
            assert not torch.allclose(alone, plain, rtol=1e-2)


def loss_of(model, control, call):
    y = prediction(model, control, call)
    return (y.double() * torch.randn(y.shape, generator=torch.Generator().manual_seed(1))).square().mean()


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("trained", ["control_net", "model"])
def test_gradients_are_exact_with_a_control_active(name, control_net, trained, checkpointing):
    patcher, call = shared_model(base_of(name)), tiny_call(base_of(name))
    before = {key: value.clone() for key, value in control_net.control_model.state_dict().items()}
    with trainable(patcher, control_net.get_models(), checkpointing=checkpointing) as model:
        root = control_net if trained == "control_net" else model
        attach = attached_to_control if trained == "control_net" else attached
        adapters = adapters_on(root)
        control = with_picture(control_net, name)
        with attach(root, adapters, STRENGTHS):
            loss_of(model, control, call).backward()
        missed = {layer for layer in adapters if any(p.grad is None for p in adapters[layer][0].parameters())}
        assert all(root is control_net and layer.startswith(CONTROL[name].unused) for layer in missed)
        parameters = parameters_of({layer: adapters[layer] for layer in adapters.keys() - missed})
        norm = torch.stack([p.grad.double().norm() for p in parameters]).norm()
        losses = []
        with torch.no_grad():
            for step in (1e-2, -2e-2):
                for p in parameters:
                    p.add_(p.grad, alpha=float(step / norm))
                with attach(root, adapters, STRENGTHS):
                    losses.append(loss_of(model, control, call))
    assert float((losses[0] - losses[1]) / 2e-2 / norm) == pytest.approx(1, abs=1e-3)
    for key, value in control_net.control_model.state_dict().items():
        if not key.startswith(("orig_y_embedder", "x_embedder")):  # SD3.5's takes these from the base model
            assert torch.equal(value, before[key]), key


def test_a_sampling_run_equals_one_with_the_changed_weights():
    """Through ComfyUI's sampler, prompt and negative at different strengths, in one run."""
    patcher, plain, call = shared_model("sd15"), tiny_control_net("sd15"), tiny_call("sd15")
    adapters = adapters_on(plain)
    slid = with_picture(apply_slider_to_control_net(plain, AppliedSlider(adapters)), "sd15")
    changed = with_picture(control_net_with_changed_weights(adapters, 0.8), "sd15")

    def run(positive, negative):
        options = [
            [call["c_crossattn"][i : i + 1], {"control": c, "control_apply_to_uncond": False}]
            for i, c in enumerate((positive, negative))
        ]
        noise, latent = call["x"][:1], torch.zeros(1, *call["x"].shape[1:])
        return sample.sample(
            patcher, noise, 3, 4.0, "euler", "normal", [options[0]], [options[1]], latent, seed=0
        )

    original = with_picture(plain, "sd15")
    expected, got = run(changed, original), run(slid.at(0.8), slid.at(0.0))
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
    assert not torch.allclose(got, run(original, original), rtol=1e-2)


def test_two_controls_on_one_network_have_a_slider_each():
    """As two Apply ControlNet nodes in a row on one ControlNet: the first one's call is not in the second's slider."""
    plain, call, model = tiny_control_net("sd15"), tiny_call("sd15"), shared_model("sd15").model
    slid = apply_slider_to_control_net(plain, AppliedSlider(adapters_on(plain)))

    def chained(before):
        control = with_picture(slid, "sd15", seed=1).set_previous_controlnet(with_picture(before, "sd15"))
        with torch.inference_mode():
            return prediction(model, control, call)

    shared, apart = chained(plain), chained(tiny_control_net("sd15"))
    assert torch.equal(shared, apart) and not torch.allclose(shared, chained(slid), rtol=1e-2)


def control_net_with_changed_weights(adapters, strength):
    control_net = tiny_control_net("sd15")
    with torch.no_grad():
        for layer, of_layer in adapters.items():
            weight = control_net.control_model.get_submodule(layer.removeprefix("control_model.")).weight
            for a in of_layer:
                weight += (
                    strength * a.alpha / a.rank * (a.up.flatten(1) @ a.down.flatten(1)).reshape(weight.shape)
                )
    return control_net


def test_strengths_of_conditionings_arrive_with_the_model_call():
    """Where the model has a slider too, the control's slider sees what SliderStrength gave a prompt."""
    control_net, call, model = tiny_control_net("sd15"), tiny_call("sd15"), shared_model("sd15")
    slider = AppliedSlider(adapters_on(control_net), strength=0.0, name="on control")
    slid = with_picture(apply_slider_to_control_net(control_net, slider), "sd15")
    reading = apply_slider(model, AppliedSlider({}))

    def run(patcher, control, strength):
        options = with_strength({"control": control}, strength, "on control")
        positive = [[call["c_crossattn"][:1], options]]
        noise, latent = call["x"][:1], torch.zeros(1, *call["x"].shape[1:])
        return sample.sample(patcher, noise, 2, 1.0, "euler", "normal", positive, positive, latent, seed=0)

    got, expected = run(reading, slid, 0.8), run(model, slid.at(0.8), 0.0)
    torch.testing.assert_close(got, expected)
    assert not torch.allclose(got, run(reading, slid, 0.0), rtol=1e-2)


def test_a_control_without_a_network_is_refused():
    from comfy.controlnet import T2IAdapter

    with pytest.raises(ControlError, match="T2IAdapter has no network"):
        apply_slider_to_control_net(T2IAdapter(None, 3, 8, "nearest-exact"), AppliedSlider({}))
