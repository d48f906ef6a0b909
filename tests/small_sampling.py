"""Small runs of the stock KSampler with a slider: on tiny models, with random prompts and LoRAs."""

import comfy.sd
import nodes as comfy_nodes
import torch
from concept_sliders.nodes.apply import SliderApply, SliderStrength
from concept_sliders.slider_core.files import Slider
from tiny_models import shared_model

LAYERS = {
    "sd3": "joint_blocks.{}.x_block.attn.{}",
    "flux": "double_blocks.{}.img_attn.{}",
}
CONTEXT = {"sd3": (48, 24), "flux": (48, 24)}


def slider(family, seed=0):
    """A LoRA of random weights, large enough to be seen."""
    random = torch.Generator().manual_seed(seed)
    weights = shared_model(family).model.state_dict()
    tensors = {}
    for layer in (LAYERS[family].format(i, n) for i in (0, 1) for n in ("qkv", "proj")):
        rows, columns = weights[f"diffusion_model.{layer}.weight"].shape
        tensors[f"diffusion_model.{layer}.lora_up.weight"] = torch.randn(rows, 4, generator=random) * 0.1
        tensors[f"diffusion_model.{layer}.lora_down.weight"] = torch.randn(4, columns, generator=random) * 0.1
        tensors[f"diffusion_model.{layer}.alpha"] = torch.tensor(4.0)
    return Slider(tensors)


def prompt(family, seed):
    random = torch.Generator().manual_seed(seed)
    width, pooled = CONTEXT[family]
    options = {"pooled_output": torch.randn(1, pooled, generator=random)}
    return [[torch.randn(1, 6, width, generator=random), options]]


def sample(model, positive, negative, count=1, cfg=3.0):
    """The stock KSampler on `count` latents with the same noise each."""
    latent = {"samples": torch.zeros(count, 16, 8, 8), "batch_index": [0] * count}
    return comfy_nodes.common_ksampler(model, 7, 4, cfg, "euler", "simple", positive, negative, latent)[0][
        "samples"
    ]


def apply(model, slider, strength, **options):
    return SliderApply.execute(strength, model=model, slider=slider, **options).result[0]


def stock(model, lora, strength):
    """The model with the LoRA as ComfyUI's own loader puts it in."""
    return comfy.sd.load_lora_for_models(model, None, lora, strength, 0)[0]


def at(conditioning, strength, slider=""):
    return SliderStrength.execute(conditioning, strength, slider).result[0]


def close(one, other):
    return (one - other).abs().max() <= 1e-4 * other.abs().max()
