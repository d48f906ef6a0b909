"""Sliders as after a training, and LoRAs of random weights."""

import torch
from concept_sliders.slider_core.adapters import make_adapters, uniform_plan
from concept_sliders.slider_core.architectures import select_targets
from concept_sliders.slider_core.files import to_slider
from tiny_models import shared_model

PROJ = "diffusion_model.double_blocks.0.img_attn.proj"
QKV = "diffusion_model.double_blocks.0.img_attn.qkv"
TEXT = "lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_up.weight"


def adapters_as_trained(model, config, size=0.1):
    """Adapters on the slider targets with weights as after a training."""
    torch.manual_seed(0)
    adapters = make_adapters(model, uniform_plan(select_targets(model), config))
    for of_layer in adapters.values():
        for adapter in of_layer:
            for parameter in adapter.eval().parameters():
                parameter.data += size * torch.randn_like(parameter)
    return adapters


def trained(name, config):
    """A slider as after a training."""
    return to_slider(adapters_as_trained(shared_model(name), config))


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def lora_of(layer, rows, columns):
    return {
        f"{layer}.lora_up.weight": torch.randn(rows, 2),
        f"{layer}.lora_down.weight": torch.randn(2, columns),
    }
