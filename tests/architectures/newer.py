"""Models that ComfyUI gained after 0.30, by the names of their classes and layers: stand-ins without any computation.

They are what the older ComfyUI of the tests cannot make. Where the ComfyUI at hand has the classes, a test holds
the stand-ins against them.
"""

import math
from typing import Any

import torch
from architectures.expected import expanded_names
from comfy import model_base, supported_models
from torch import nn

MUSIC = "diffusion_transformer.transformer"
MESH = "{structure_model,img2shape,shape2txt,img2shape_512}"

# Name: (class in comfy.supported_models and comfy.model_base, module and class of the network,
# what ComfyUI's detection makes of a file, {layers: (rows, columns) or (rows, columns, kernel)}).
NEWER: dict[str, tuple[str, str, dict[str, Any], dict[str, tuple[int, ...]]]] = {
    "minimax_music3": (
        "MiniMaxMusic3",
        "minimax_music.dit.MiniMaxMusic3DiT",
        {"audio_model": "minimax_music3"},
        {
            "latent_conditioners.0": (2048, 4096, 3),
            f"{MUSIC}.project_in": (2048, 2304),
            f"{MUSIC}.project_out": (128, 2048),
            f"{MUSIC}.layers.{{0..35}}.self_attn.to_qkv": (6144, 2048),
            f"{MUSIC}.layers.{{0..35}}.self_attn.to_out": (2048, 2048),
            f"{MUSIC}.layers.{{0..35}}.ff.ff.0.proj": (16384, 2048),
            f"{MUSIC}.layers.{{0..35}}.ff.ff.2": (2048, 8192),
            "diffusion_transformer.to_timestep_embed.0": (2048, 256),
            "diffusion_transformer.to_timestep_embed.2": (2048, 2048),
            "diffusion_transformer.preprocess_conv": (2304, 2304, 1),
            "diffusion_transformer.postprocess_conv": (128, 128, 1),
        },
    ),
    "trellis2": (
        "Trellis2",
        "trellis2.model.Trellis2",
        {"image_model": "trellis2", "resolution": 32, "init_txt_model": True, "txt_only": False},
        {
            "{img2shape,img2shape_512}.input_layer": (1536, 32),
            "shape2txt.input_layer": (1536, 64),
            "structure_model.input_layer": (1536, 8),
            f"{MESH}.t_embedder.mlp.0": (1536, 256),
            f"{MESH}.t_embedder.mlp.2": (1536, 1536),
            f"{MESH}.adaLN_modulation.1": (9216, 1536),
            f"{MESH}.blocks.{{0..29}}.self_attn.to_qkv": (4608, 1536),
            f"{MESH}.blocks.{{0..29}}.{{self_attn,cross_attn}}.to_out": (1536, 1536),
            f"{MESH}.blocks.{{0..29}}.cross_attn.to_q": (1536, 1536),
            f"{MESH}.blocks.{{0..29}}.cross_attn.to_kv": (3072, 1024),
            f"{MESH}.blocks.{{0..29}}.mlp.mlp.0": (8192, 1536),
            f"{MESH}.blocks.{{0..29}}.mlp.mlp.2": (1536, 8192),
            "{img2shape,img2shape_512,shape2txt}.out_layer": (32, 1536),
            "structure_model.out_layer": (8, 1536),
        },
    ),
    "qwen_image21": (
        "QwenImage21",
        "qwen_image21.model.QwenImage21Transformer2DModel",
        {"image_model": "qwen_image21"},
        {
            "time_text_embed.timestep_embedder.linear_1": (4096, 256),
            "time_text_embed.timestep_embedder.linear_2": (4096, 4096),
            "txt_in.{in_layer,out_layer}": (4096, 4096),
            "img_in": (4096, 64),
            "modulation.1": (16384, 4096),
            "transformer_blocks.{0..31}.attn.{to_q,to_k,to_v,to_out.0}": (4096, 4096),
            "transformer_blocks.{0..31}.img_mlp.gate_up": (24576, 4096),
            "transformer_blocks.{0..31}.img_mlp.out": (4096, 12288),
            "norm_out.linear": (4096, 4096),
            "proj_out": (64, 4096),
        },
    ),
}
BASED_ON = {"QwenImage21": "QwenImage"}


def newer_model(name: str) -> nn.Module:
    """The stand-in: a model as ComfyUI's loaders give it, by all that a family is recognised by."""
    kind, network, _, layers = NEWER[name]
    of_model = getattr(model_base, BASED_ON.get(kind, "BaseModel"))
    of_config = getattr(supported_models, BASED_ON.get(kind, ""), object)
    return model_around(
        tree(layers, f"comfy.ldm.{network}"),
        called(f"comfy.model_base.{kind}", of_model),
        called(f"comfy.supported_models.{kind}", of_config),
    )


def real_model(name: str) -> nn.Module | None:
    """The model itself, on PyTorch's meta device, where the ComfyUI at hand has its class."""
    kind, _, config, _ = NEWER[name]
    if not hasattr(supported_models, kind):
        return None
    described = getattr(supported_models, kind)({**config})
    described.set_inference_dtype(torch.float32, None)
    return described.get_model({}, device=torch.device("meta"))


def called(qualified: str, base: type) -> type:
    """A class of that module and name."""
    module, _, name = qualified.rpartition(".")
    return type(name, (base,), {"__module__": module})


def model_around(network: nn.Module, kind: type = nn.Module, config: type = object) -> nn.Module:
    """A model of class `kind` around a network, with a description of class `config`, neither of them set up."""
    model = kind.__new__(kind)
    nn.Module.__init__(model)
    model.diffusion_model, model.model_config = network, config.__new__(config)
    return model


def tree(layers: dict[str, tuple[int, ...]], qualified: str) -> nn.Module:
    """A network of that class's name that holds the layers and nothing else."""
    root = called(qualified, nn.Module)()
    for pattern, size in layers.items():
        for path in expanded_names(pattern):
            *stem, last = path.split(".")
            holder = root
            for part in stem:
                if not hasattr(holder, part):
                    holder.add_module(part, nn.Module())
                holder = getattr(holder, part)
            holder.add_module(last, layer_of(*size))
    return root


def layer_of(rows: int, columns: int, *kernel: int) -> nn.Module:
    if kernel:
        return nn.Conv1d(columns, rows, math.prod(kernel), device="meta")
    return nn.Linear(columns, rows, device="meta")
