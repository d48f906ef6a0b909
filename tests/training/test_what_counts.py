"""What of a training counts in its fingerprint, beside the model: ControlNet, VAE, settings, data."""

from dataclasses import replace

import pytest
import torch
from comfy.model_patcher import ModelPatcher
from comfy.quant_ops import QuantizedTensor
from comfy.sd import VAE
from concept_sliders.slider_core.applying.apply import AppliedSlider
from concept_sliders.slider_core.applying.control import apply_slider_to_control_net
from concept_sliders.slider_core.data import Cycle
from concept_sliders.slider_core.lora.reading import deltas_for
from concept_sliders.slider_core.training import fingerprint as module
from concept_sliders.slider_core.training import train
from model_changes import LAYER, lora, of
from small_training import buckets, request
from tiny_models import CPU, TinyVAE, tiny_control_net, tiny_model


@pytest.fixture(scope="module")
def model():
    return tiny_model("sd3")


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
