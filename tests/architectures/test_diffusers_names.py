"""The diffusers names in the families' files are those of diffusers' own modules, and what ComfyUI takes them for."""

import re

import pytest
import torch
from architectures.newer import newer_model
from comfy import lora
from concept_sliders.slider_core.architectures.candidates import candidates, elsewhere
from concept_sliders.slider_core.architectures.network import network_of
from concept_sliders.slider_core.architectures.registry import family_of
from families import NEWER, TINY, VARIANTS
from tiny_models import NAMES, model_config

DIFFUSERS = {v.name: v.diffusers for v in VARIANTS if getattr(v, "diffusers", None)}
# ComfyUI's map takes this name for the whole layer; the slider trains its attention rows only.
WHOLE_LAYER = "to_qkv_mlp_proj"


def on_meta(name):
    if name in NEWER:
        return newer_model(name)
    config = model_config(name)
    config.set_inference_dtype(torch.float32, None)
    return config.get_model({}, device=torch.device("cpu" if TINY[name].on_cpu else "meta"))


def targets_with_names(model):
    network = network_of(model)
    family = family_of(network)
    entries = [*candidates(network, family), *elsewhere(network, family)]
    return [entry.target for entry in entries if entry.target.name]


def pattern(name):
    return re.sub(r"\b\d+\b", "*", name)


@pytest.mark.parametrize("name", DIFFUSERS)
def test_diffusers_has_layers_of_these_names(name):
    diffusers = pytest.importorskip("diffusers")
    kind, config = DIFFUSERS[name]
    if not hasattr(diffusers, kind):
        pytest.skip(f"this diffusers has no {kind}")
    with torch.device("meta"):
        model = getattr(diffusers, kind)(**config)
    there = {pattern(layer) for layer, _ in model.named_modules()}
    ours = {pattern(target.name) for target in targets_with_names(on_meta(name))}
    assert ours and ours <= there, sorted(ours - there)


@pytest.mark.parametrize("name", NAMES)
def test_comfyui_takes_the_names_for_the_same_weights_and_rows(name):
    model = on_meta(name)
    known = lora.model_lora_keys_unet(model, {})
    for target in targets_with_names(model):
        weight = known.get(
            f"transformer.{target.name}", known.get(f"lora_unet_{target.name.replace('.', '_')}")
        )
        rows = target.rows and (target.key, (0, target.rows[0], target.rows[1] - target.rows[0]))
        whole = target.name.endswith(WHOLE_LAYER)
        # Lumina2's own names are known, but ComfyUI reads Z-Image's equal thirds into them.
        assert weight in (None, target.key if whole or not rows else rows), target
