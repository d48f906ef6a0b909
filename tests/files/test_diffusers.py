"""Slider files in diffusers, PEFT and lycoris-lora: the same change of the output as ComfyUI's own loader makes.

Both sides have the same tiny weights; diffusers' own converters bring them over, before and after ComfyUI's loader
has changed them.
"""

import json
import sys
from pathlib import Path

import comfy.sd
import pytest
from concept_sliders.slider_core.adapters import AdapterConfig
from concept_sliders.slider_core.architectures import select_targets
from concept_sliders.slider_core.files import convert, load, save, to_slider
from tiny_models import shared_model

sys.path.insert(0, str(Path(__file__).parent))
from diffusers_twins import TWINS, called, in_diffusers
from trained_sliders import adapters_as_trained


def weights(patcher):
    return {key: value.clone() for key, value in patcher.model.diffusion_model.state_dict().items()}


def changed_by_comfyui(patcher, slider, strength):
    loaded, _ = comfy.sd.load_lora_for_models(patcher, None, slider, strength, 0)
    loaded.patch_model()
    try:
        return weights(loaded)
    finally:
        loaded.unpatch_model()


def component(name):
    return "unet" if TWINS[name].cls == "UNet2DConditionModel" else "transformer"


def assert_same_change(name, base, got, expected):
    effect = (expected - base).abs().max()
    assert effect > 1e-3
    assert (got - expected).abs().max() < 1e-3 * effect + 1e-5


@pytest.mark.parametrize("name", [name for name in TWINS if name != "pixart_sigma"])
def test_load_lora_adapter(name, tmp_path):
    patcher = shared_model(name)
    slider = to_slider(adapters_as_trained(patcher, AdapterConfig("lora", 2, 1.0)))
    path = save(slider, tmp_path / "slider.safetensors", "diffusers")
    model = in_diffusers(name, weights(patcher))
    base = called(name, model)
    model.load_lora_adapter(str(path), prefix=component(name), adapter_name="slider")
    for strength in (1.0, -0.5):
        model.set_adapters("slider", strength)
        expected = called(name, in_diffusers(name, changed_by_comfyui(patcher, slider, strength)))
        assert_same_change(name, base, called(name, model), expected)


DORA = {"dora": AdapterConfig("lora", 2, options={"dora": True}), "ia3": AdapterConfig("ia3")}


@pytest.mark.parametrize("kind", DORA)
@pytest.mark.parametrize("name", ["flux", "flux2", "sd15"])
def test_dora_in_diffusers(name, kind, tmp_path):
    """And IA³, which is DoRA's magnitudes alone."""
    patcher = shared_model(name)
    slider = to_slider(adapters_as_trained(patcher, DORA[kind]))
    path = save(slider, tmp_path / "slider.safetensors", "diffusers", patcher)
    model = in_diffusers(name, weights(patcher))
    base = called(name, model)
    model.load_lora_adapter(str(path), prefix=component(name))
    expected = called(name, in_diffusers(name, changed_by_comfyui(patcher, slider, 1.0)))
    assert_same_change(name, base, called(name, model), expected)


@pytest.mark.parametrize("name", ["sd3", "pixart_sigma"])
def test_peft_itself(name, tmp_path):
    """Which is also the way for PixArt, whose model in diffusers has no load_lora_adapter."""
    from peft import LoraConfig, inject_adapter_in_model, set_peft_model_state_dict

    patcher = shared_model(name)
    slider = to_slider(adapters_as_trained(patcher, AdapterConfig("lora", 3, 1.0)))
    there = load(save(slider, tmp_path / "slider.safetensors", "diffusers"))
    config = json.loads(there.metadata["lora_adapter_metadata"])
    config = LoraConfig(**{key.removeprefix("transformer."): value for key, value in config.items()})
    model = in_diffusers(name, weights(patcher))
    base = called(name, model)
    inject_adapter_in_model(config, model)
    tensors = {key.removeprefix("transformer."): value for key, value in there.items()}
    assert not set_peft_model_state_dict(model, tensors).unexpected_keys
    expected = called(name, in_diffusers(name, changed_by_comfyui(patcher, slider, 1.0)))
    assert_same_change(name, base, called(name, model), expected)


LYCORIS = {
    "loha": AdapterConfig("loha", 2),
    "lokr": AdapterConfig("lokr", 2),
    "lokr full": AdapterConfig("lokr", options={"full_matrix": True, "factor": 8}),
    "oft": AdapterConfig("oft", 4),
    "boft": AdapterConfig("boft", 64),
    "glora": AdapterConfig("glora", 2),
    "full": AdapterConfig("full"),
}


# lycoris-lora 4.1 cannot load its own LoKr of low rank on convolutions: it guesses another factor.
CASES = [(kind, name) for kind in LYCORIS for name in ("flux", "sd15") if (kind, name) != ("lokr", "sd15")]
CASES.append(("lokr full", "wan21"))  # whose patch embedding is a 3-D convolution


@pytest.mark.parametrize("kind, name", CASES)
def test_lycoris_lora(kind, name):
    """At alpha = rank: lycoris-lora 4.1 multiplies LoHa and LoKr by alpha / rank twice."""
    from lycoris import create_lycoris_from_weights

    patcher = shared_model(name)
    slider = to_slider(adapters_as_trained(patcher, LYCORIS[kind]))
    model = in_diffusers(name, weights(patcher))
    base = called(name, model)
    network, _ = create_lycoris_from_weights(1.0, "", model, dict(convert(slider, "diffusers")))
    assert len(network.loras) == len(select_targets(patcher))
    network.merge_to()
    expected = called(name, in_diffusers(name, changed_by_comfyui(patcher, slider, 1.0)))
    assert_same_change(name, base, called(name, model), expected)
