"""LoRAs of other programs, in every style and of every kind, on every layer of every family.

The same weights in Apply Slider as the file means; as the stock loader makes of the file where it reads all of it;
and as it makes of the file that Save Slider converted to native format.
"""

import sys
from pathlib import Path

import comfy.sd
import pytest
import torch
from concept_sliders.slider_core.files import convert
from concept_sliders.slider_core.files.unread import unread_by_comfyui
from concept_sliders.slider_core.lora.reading import deltas_for
from concept_sliders.slider_core.strength import added
from tiny_models import NAMES, shared_model

sys.path.insert(0, str(Path(__file__).parent))
import foreign
import foreign_kinds
from diffusers_twins import TWINS, in_diffusers

STRENGTH = -0.7


def underscored(name):
    return name.replace(".", "_")


def prefixed(prefix):
    return lambda name: f"{prefix}{name}"


def joined(prefix):
    return lambda name: prefix + underscored(name)


def layers(name, diffusers):
    model = shared_model(name)
    if not diffusers:
        return foreign.native_layers(model)
    if name not in TWINS:
        return foreign.named_layers(model)
    weights = {key: value.clone() for key, value in model.model.diffusion_model.state_dict().items()}
    return foreign.layers_of_twin(in_diffusers(name, weights), model)


def component(name):
    return "unet." if name in ("sd15", "sd2", "sdxl", "svd") else "transformer."


# Style: whether it has diffusers' layers, how a layer is called, and the kinds that come in it.
STYLES = {
    "diffusers": (True, lambda name: prefixed(component(name)), foreign_kinds.PEFT),
    "peft": (True, lambda name: prefixed("base_model.model."), foreign_kinds.PEFT),
    "lycoris": (True, lambda name: joined("lycoris_"), foreign_kinds.LYCORIS),
    "kohya": (False, lambda name: joined("lora_unet_"), foreign_kinds.LYCORIS),
    "native": (False, lambda name: prefixed("diffusion_model."), (*foreign_kinds.LYCORIS, *foreign_kinds.PEFT)),
}


# Names in these styles are the same for every family.
FEW = ["sd15", "sdxl", "flux", "wan21", "hunyuan_video", "stable_cascade_c", "svd"]
CASES = [
    *((name, "diffusers") for name in NAMES),
    *((name, style) for name in TWINS for style in ("peft", "lycoris")),
    *((name, style) for name in FEW for style in ("kohya", "native")),
]


def file_of(name, style, kinds=None):
    diffusers, named, of_style = STYLES[style]
    model = shared_model(name)
    found = layers(name, diffusers)
    if not found:  # diffusers does not have this model
        return file_of(name, "native", kinds)
    return foreign.file_of(model, foreign.some(found), named(name), kinds or of_style)


def inputs_of(module):
    torch.manual_seed(0)
    if hasattr(module, "kernel_size"):
        return torch.randn(2, module.in_channels, *(max(5, size) for size in module.kernel_size))
    return torch.randn(2, module.in_features)


def outputs(model, deltas, meant, layer):
    """Base output, the output with the slider, and the output that is meant, of one layer at a strength."""
    module = model.model.get_submodule(layer)
    x, own = inputs_of(module), dict(module.named_parameters())
    base = module(x)
    scale = torch.full((2, *[1] * (x.ndim - 1)), STRENGTH)
    got = added(module, x, base, deltas.get(layer, []), scale)
    ends = {end: meant.get(f"{layer}.{end}", own[end]) for end in own}
    changed = {end: own[end] + STRENGTH * (new - own[end]) for end, new in ends.items()}
    return base, got, torch.func.functional_call(module, changed, (x,))


def assert_same(name, base, got, expected):
    effect = (expected - base).abs().max()
    assert (got - expected).abs().max() <= 2e-3 * effect + 2e-5, name


@torch.no_grad()
def assert_weights_in_comfyui(model, file, meant):
    """What ComfyUI's loader makes of the weights."""
    loaded, _ = comfy.sd.load_lora_for_models(model, None, dict(file), STRENGTH, 0)
    loaded.unpatch_model()
    base = {key: value.clone() for key, value in model.model.state_dict().items() if key in meant}
    loaded.patch_model()
    got = {key: value.clone() for key, value in loaded.model.state_dict().items() if key in meant}
    loaded.unpatch_model()
    for key, new in meant.items():
        assert_same(key, base[key], got[key], base[key] + STRENGTH * (new - base[key]))


@pytest.mark.parametrize("name, style", CASES)
@torch.no_grad()
def test_every_style_and_kind_on_every_family(name, style):
    model = shared_model(name)
    file, meant = file_of(name, style)
    deltas, unused = deltas_for(model, file)
    assert not unused and deltas.keys() == {key.rpartition(".")[0] for key in meant}
    for layer in deltas:
        assert_same(layer, *outputs(model, deltas, meant, layer))
    native = convert(file, "native", model)
    assert not unread_by_comfyui(model, native)
    assert_weights_in_comfyui(model, native, meant)


@pytest.mark.parametrize("style", ["kohya", "native"])
@pytest.mark.parametrize("name", ["flux", "sd15"])
def test_what_a_file_means_here_is_what_the_stock_loader_makes_of_it(name, style):
    file, meant = file_of(name, style, foreign_kinds.STOCK)
    assert not unread_by_comfyui(shared_model(name), file)
    assert_weights_in_comfyui(shared_model(name), file, meant)
