"""The diffusers names in the families' files are those of diffusers' own modules, and what ComfyUI takes them for."""

import re

import pytest
import torch
from architectures.newer import NEWER, newer_model
from comfy import lora
from concept_sliders.slider_core.architectures.candidates import candidates, elsewhere
from concept_sliders.slider_core.architectures.network import network_of
from concept_sliders.slider_core.architectures.registry import family_of
from tiny_models import NAMES, model_config

TWO = {"num_layers": 2}
DOUBLE_AND_SINGLE = {"num_layers": 1, "num_single_layers": 1}
# Variant: (diffusers class, its configuration where the default is too large or lacks layers).
DIFFUSERS = {
    "sdxl": ("UNet2DConditionModel", {"use_linear_projection": True}),
    "svd": ("UNetSpatioTemporalConditionModel", {}),
    "flux": ("FluxTransformer2DModel", DOUBLE_AND_SINGLE),
    "flux2": ("Flux2Transformer2DModel", DOUBLE_AND_SINGLE),
    "chroma": ("ChromaTransformer2DModel", DOUBLE_AND_SINGLE),
    "longcat_image": ("LongCatImageTransformer2DModel", DOUBLE_AND_SINGLE),
    "auraflow": ("AuraFlowTransformer2DModel", {"num_mmdit_layers": 1, "num_single_dit_layers": 1}),
    "z_image": ("ZImageTransformer2DModel", {"n_layers": 1, "n_refiner_layers": 1}),
    "lumina2": ("Lumina2Transformer2DModel", {"num_layers": 1, "num_refiner_layers": 1}),
    "sd35_medium": ("SD3Transformer2DModel", {**TWO, "dual_attention_layers": (0,)}),
    "qwen_image": ("QwenImageTransformer2DModel", TWO),
    "wan21_i2v": ("WanTransformer3DModel", {**TWO, "added_kv_proj_dim": 5120, "image_dim": 1280}),
    "wan_vace": ("WanVACETransformer3DModel", {**TWO, "vace_layers": [0, 1]}),
    "ltxv": ("LTXVideoTransformer3DModel", TWO),
    "ltxav": ("LTX2VideoTransformer3DModel", TWO),
    "cosmos_predict1": ("CosmosTransformer3DModel", TWO),
    "cosmos_predict2": ("CosmosTransformer3DModel", TWO),
    "kandinsky5_image": ("Kandinsky5Transformer3DModel", {"num_text_blocks": 1, "num_visual_blocks": 1}),
    "hunyuan_video": ("HunyuanVideoTransformer3DModel", {**DOUBLE_AND_SINGLE, "num_refiner_layers": 1}),
    "hunyuan_video15": ("HunyuanVideo15Transformer3DModel", {**TWO, "num_refiner_layers": 1}),
    "hunyuan_image": ("HunyuanImageTransformer2DModel", {**DOUBLE_AND_SINGLE, "num_refiner_layers": 1}),
    "mochi": ("MochiTransformer3DModel", TWO),
    "cogvideox": ("CogVideoXTransformer3DModel", TWO),
    "pixart_sigma": ("PixArtTransformer2DModel", TWO),
    "hunyuan_dit": ("HunyuanDiT2DModel", {**TWO, "in_channels": 4, "sample_size": 128, "patch_size": 2}),
    "ernie": ("ErnieImageTransformer2DModel", TWO),
    "krea2": ("Krea2Transformer2DModel", {}),
    "ideogram4": ("Ideogram4Transformer2DModel", TWO),
    "minimax_h3": ("MiniMaxH3Transformer3DModel", TWO),
    "minimax_music3": ("MiniMaxMusic3Transformer1DModel", TWO),
    "qwen_image21": ("QwenImage21Transformer2DModel", TWO),
}
# ComfyUI's map takes this name for the whole layer; the slider trains its attention rows only.
WHOLE_LAYER = "to_qkv_mlp_proj"
ON_CPU = {"ace_step15"}  # its codebook computes a size while it is built


def on_meta(name):
    if name in NEWER:
        return newer_model(name)
    config = model_config(name)
    config.set_inference_dtype(torch.float32, None)
    return config.get_model({}, device=torch.device("cpu" if name in ON_CPU else "meta"))


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
        # Lumina2's own names are known, but ComfyUI reads Z-Image's equal thirds into them (targets.md, 11).
        assert weight in (None, target.key if whole or not rows else rows), target
