"""The tiny models of `tiny_models` as diffusers has them, with the same weights by diffusers' own converters."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from types import CodeType, FunctionType
from typing import Any

import torch
from comfy.utils import pixart_to_diffusers
from diffusers.loaders import single_file_utils

LDM_UNET = {
    "sample_size": 8,
    "cross_attention_dim": 48,
    "layers_per_block": 1,
    "norm_num_groups": 32,
}


Weights = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Twin:
    """How diffusers makes the model: its class and config, the converter of published weights, and a call's inputs.

    `published` turns ComfyUI's names back into those of the published file, where ComfyUI has changed them;
    `widths` are the widths of published models that the converter knows, and the tiny ones in their place.
    """

    cls: str
    config: dict[str, Any]
    converter: str
    call: dict[str, Any]
    published: Callable[[Weights], Weights] = dict
    widths: dict[int, int] = field(default_factory=dict)


def ids(*shape: int) -> torch.Tensor:
    return torch.zeros(shape)


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def scales(weights: Weights) -> Weights:
    """Flux and Chroma: the norms' weights are called scales."""
    return {re.sub(r"((query|key)_norm|norms\.\d+)\.weight", r"\1.scale", key): w for key, w in weights.items()}


HUNYUAN = {
    r"(img|txt)_attn\.(qkv|proj)": r"\1_attn_\2",
    r"(img|txt)_attn\.norm\.(query|key)_norm\.(weight|scale)": r"\1_attn_\2_norm.weight",
    r"single_blocks\.(\d+)\.norm\.(query|key)_norm\.(weight|scale)": r"single_blocks.\1.\2_norm.weight",
    r"self_attn\.(qkv|proj)": r"self_attn_\1",
    r"(_mod|modulation)\.lin\.": r"\1.linear.",
    r"_mlp\.0\.": "_mlp.fc1.",
    r"_mlp\.2\.": "_mlp.fc2.",
    r"(refiner\.blocks\.\d+\.mlp)\.0\.": r"\1.fc1.",
    r"(refiner\.blocks\.\d+\.mlp)\.2\.": r"\1.fc2.",
    r"(time_in|guidance_in|t_embedder)\.in_layer": r"\1.mlp.0",
    r"(time_in|guidance_in|t_embedder)\.out_layer": r"\1.mlp.2",
    r"c_embedder\.in_layer": "c_embedder.linear_1",
    r"c_embedder\.out_layer": "c_embedder.linear_2",
    r"query_norm": "q_norm",
    r"key_norm": "k_norm",
}


def hunyuan(weights: Weights) -> Weights:
    found = {}
    for key, weight in weights.items():
        for pattern, published in HUNYUAN.items():
            key = re.sub(pattern, published, key)
        found[key] = weight
    return found


def pixart(weights: Weights) -> Weights:
    """By ComfyUI's own map: diffusers has no converter for it."""
    found = {}
    for key, place in pixart_to_diffusers({"depth": 2, "hidden_size": 64}).items():
        native, (_, start, length) = (place, (0, 0, None)) if isinstance(place, str) else place
        if native in weights and key != "caption_projection.y_embedding":
            found[key] = weights[native] if length is None else weights[native][start : start + length]
    return found


def at_widths(function: Callable, widths: dict[int, int]) -> Callable:
    """A converter with the published widths, which are written into it, replaced by those of a tiny model."""

    def replaced(code: CodeType) -> CodeType:
        constants = [
            replaced(value)
            if isinstance(value, CodeType)
            else widths.get(value, value)
            if type(value) is int
            else value
            for value in code.co_consts
        ]
        return code.replace(co_consts=tuple(constants))

    return FunctionType(
        replaced(function.__code__), function.__globals__, function.__name__, function.__defaults__
    )


def same_sizes(model: torch.nn.Module, weights: Weights) -> None:
    """Makes linear layers anew whose width diffusers has fixed and the tiny model has not."""
    for name, layer in list(model.named_modules()):
        given = weights.get(f"{name}.weight")
        if isinstance(layer, torch.nn.Linear) and given is not None and given.shape != layer.weight.shape:
            parent, _, last = name.rpartition(".")
            new = torch.nn.Linear(given.shape[1], given.shape[0], bias=layer.bias is not None)
            setattr(model.get_submodule(parent), last, new)


T = torch.tensor([500.0, 500.0])
FLUX_CALL = {
    "hidden_states": noise(2, 16, 64),
    "encoder_hidden_states": noise(2, 6, 48),
    "timestep": T / 1000,
    "img_ids": ids(16, 3),
    "txt_ids": ids(6, 3),
}
SD3 = {
    "sample_size": 8,
    "num_layers": 2,
    "num_attention_heads": 2,
    "joint_attention_dim": 48,
    "caption_projection_dim": 128,
    "pooled_projection_dim": 24,
    "pos_embed_max_size": 8,
}
SD3_CALL = {
    "hidden_states": noise(2, 16, 8, 8),
    "encoder_hidden_states": noise(2, 6, 48),
    "pooled_projections": noise(2, 24),
    "timestep": T,
}

TWINS = {
    "sd15": Twin(
        "UNet2DConditionModel",
        {
            **LDM_UNET,
            "block_out_channels": (32, 64, 64),
            "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
            "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
            "attention_head_dim": 8,
        },
        "convert_ldm_unet_checkpoint",
        {"sample": noise(2, 4, 8, 8), "timestep": 500, "encoder_hidden_states": noise(2, 6, 48)},
    ),
    "sdxl": Twin(
        "UNet2DConditionModel",
        {
            **LDM_UNET,
            "block_out_channels": (64, 128),
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
            "transformer_layers_per_block": (1, 2),
            "attention_head_dim": (1, 2),
            "use_linear_projection": True,
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": 2816,
        },
        "convert_ldm_unet_checkpoint",
        {
            "sample": noise(2, 4, 8, 8),
            "timestep": 500,
            "encoder_hidden_states": noise(2, 6, 48),
            "added_cond_kwargs": {"text_embeds": noise(2, 1280), "time_ids": ids(2, 6)},
        },
    ),
    "sd3": Twin("SD3Transformer2DModel", SD3, "convert_sd3_transformer_checkpoint_to_diffusers", SD3_CALL),
    "sd35_medium": Twin(
        "SD3Transformer2DModel",
        {**SD3, "dual_attention_layers": (0,), "qk_norm": "rms_norm"},
        "convert_sd3_transformer_checkpoint_to_diffusers",
        SD3_CALL,
    ),
    "flux": Twin(
        "FluxTransformer2DModel",
        {
            "num_layers": 2,
            "num_single_layers": 2,
            "num_attention_heads": 2,
            "joint_attention_dim": 48,
            "pooled_projection_dim": 24,
            "guidance_embeds": True,
        },
        "convert_flux_transformer_checkpoint_to_diffusers",
        {**FLUX_CALL, "pooled_projections": noise(2, 24), "guidance": torch.ones(2)},
        scales,
        {3072: 256},
    ),
    "flux2": Twin(
        "Flux2Transformer2DModel",
        {"num_layers": 2, "num_single_layers": 2, "num_attention_heads": 2, "joint_attention_dim": 48},
        "convert_flux2_transformer_checkpoint_to_diffusers",
        {
            **FLUX_CALL,
            "hidden_states": noise(2, 16, 128),
            "img_ids": ids(16, 4),
            "txt_ids": ids(6, 4),
            "guidance": torch.ones(2),
        },
    ),
    "chroma": Twin(
        "ChromaTransformer2DModel",
        {
            "num_layers": 2,
            "num_single_layers": 2,
            "num_attention_heads": 2,
            "joint_attention_dim": 48,
            "approximator_hidden_dim": 64,
            "approximator_layers": 2,
        },
        "convert_chroma_transformer_checkpoint_to_diffusers",
        FLUX_CALL,
        scales,
        {3072: 256},
    ),
    "auraflow": Twin(
        "AuraFlowTransformer2DModel",
        {
            "sample_size": 8,
            "num_mmdit_layers": 1,
            "num_single_dit_layers": 2,
            "attention_head_dim": 128,
            "num_attention_heads": 2,
            "joint_attention_dim": 48,
            "caption_projection_dim": 256,
            "pos_embed_max_size": 64,
        },
        "convert_auraflow_transformer_checkpoint_to_diffusers",
        {"hidden_states": noise(2, 4, 8, 8), "encoder_hidden_states": noise(2, 6, 48), "timestep": T / 1000},
    ),
    "pixart_sigma": Twin(
        "PixArtTransformer2DModel",
        {
            "num_attention_heads": 2,
            "attention_head_dim": 32,
            "num_layers": 2,
            "cross_attention_dim": 64,
            "caption_channels": 48,
            "interpolation_scale": 2,
            "use_additional_conditions": False,
        },
        "",
        {
            "hidden_states": noise(2, 4, 16, 16),
            "encoder_hidden_states": noise(2, 6, 48),
            "timestep": T,
            "added_cond_kwargs": {"resolution": None, "aspect_ratio": None},
        },
        pixart,
    ),
    "krea2": Twin(
        "Krea2Transformer2DModel",
        {
            "num_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "intermediate_size": 768,
            "text_hidden_dim": 160,
            "num_text_layers": 3,
            "text_intermediate_size": 512,
        },
        "convert_krea2_transformer_checkpoint_to_diffusers",
        {
            "hidden_states": noise(2, 16, 64),
            "encoder_hidden_states": noise(2, 6, 3, 160),
            "timestep": T / 1000,
            "position_ids": ids(22, 3),
        },
    ),
    "kandinsky5_image": Twin(
        "Kandinsky5Transformer3DModel",
        {
            "in_visual_dim": 16,
            "out_visual_dim": 16,
            "time_dim": 64,
            "model_dim": 256,
            "ff_dim": 256,
            "num_text_blocks": 1,
            "num_visual_blocks": 2,
        },
        "",
        {
            "hidden_states": noise(2, 1, 8, 8, 16),
            "encoder_hidden_states": noise(2, 6, 3584),
            "timestep": T,
            "pooled_projections": noise(2, 768),
            "visual_rope_pos": [torch.arange(1), torch.arange(4), torch.arange(4)],
            "text_rope_pos": torch.arange(6),
        },
    ),
    "wan21": Twin(
        "WanTransformer3DModel",
        {
            "num_attention_heads": 2,
            "ffn_dim": 256,
            "num_layers": 2,
            "text_dim": 4096,
            "freq_dim": 256,
        },
        "convert_wan_transformer_to_diffusers",
        {"hidden_states": noise(2, 16, 2, 8, 8), "timestep": T, "encoder_hidden_states": noise(2, 6, 4096)},
    ),
    "ltxv": Twin(
        "LTXVideoTransformer3DModel",
        {"num_layers": 2, "attention_head_dim": 8, "num_attention_heads": 32, "cross_attention_dim": 256},
        "convert_ltx_transformer_checkpoint_to_diffusers",
        {
            "hidden_states": noise(2, 32, 128),
            "encoder_hidden_states": noise(2, 6, 4096),
            "timestep": T,
            "encoder_attention_mask": torch.ones(2, 6),
            "num_frames": 2,
            "height": 4,
            "width": 4,
        },
    ),
    "qwen_image": Twin(
        "QwenImageTransformer2DModel",
        {"num_layers": 2, "num_attention_heads": 2, "joint_attention_dim": 48},
        "",
        {
            "hidden_states": noise(2, 16, 64),
            "encoder_hidden_states": noise(2, 6, 48),
            "encoder_hidden_states_mask": torch.ones(2, 6),
            "timestep": T / 1000,
            "img_shapes": [(1, 4, 4)] * 2,
        },
    ),
    "z_image": Twin(
        "ZImageTransformer2DModel",
        {
            "dim": 256,
            "n_layers": 2,
            "n_refiner_layers": 1,
            "n_heads": 2,
            "n_kv_heads": 2,
            "cap_feat_dim": 48,
        },
        "convert_z_image_transformer_checkpoint_to_diffusers",
        {"x": [noise(16, 1, 8, 8)] * 2, "t": T / 1000, "cap_feats": [noise(6, 48)] * 2},
    ),
    "lumina2": Twin(
        "Lumina2Transformer2DModel",
        {
            "sample_size": 8,
            "hidden_size": 288,
            "num_layers": 2,
            "num_refiner_layers": 1,
            "num_attention_heads": 3,
            "num_kv_heads": 1,
            "cap_feat_dim": 48,
        },
        "convert_lumina2_to_diffusers",
        {
            "hidden_states": noise(2, 16, 8, 8),
            "timestep": T / 1000,
            "encoder_hidden_states": noise(2, 6, 48),
            "encoder_attention_mask": torch.ones(2, 6, dtype=torch.bool),
        },
        widths={2304: 288, 768: 96},
    ),
    "cosmos_predict2": Twin(
        "CosmosTransformer3DModel",
        {
            "num_attention_heads": 16,
            "attention_head_dim": 16,
            "num_layers": 10,
            "rope_scale": (1.0, 4.0, 4.0),
            "extra_pos_embed_type": None,
        },
        "convert_cosmos_transformer_checkpoint_to_diffusers",
        {
            "hidden_states": noise(2, 16, 1, 8, 8),
            "timestep": T / 1000,
            "encoder_hidden_states": noise(2, 6, 1024),
            "padding_mask": torch.zeros(1, 1, 64, 64),
        },
    ),
    "hidream": Twin(
        "HiDreamImageTransformer2DModel",
        {
            "patch_size": 2,
            "in_channels": 16,
            "num_layers": 1,
            "num_single_layers": 1,
            "num_attention_heads": 2,
            "caption_channels": [48, 40],
            "text_emb_dim": 24,
            "axes_dims_rope": (64, 32, 32),
            "llama_layers": [0, 1],
            "force_inference_output": True,
        },
        "convert_hidream_transformer_to_diffusers",
        {
            "hidden_states": noise(2, 16, 8, 8),
            "timesteps": T,
            "encoder_hidden_states_t5": noise(2, 6, 48),
            "encoder_hidden_states_llama3": noise(2, 2, 6, 40),
            "pooled_embeds": noise(2, 24),
        },
    ),
    "hunyuan_video": Twin(
        "HunyuanVideoTransformer3DModel",
        {
            "num_attention_heads": 2,
            "num_layers": 2,
            "num_single_layers": 2,
            "text_embed_dim": 48,
        },
        "convert_hunyuan_video_transformer_to_diffusers",
        {
            "hidden_states": noise(2, 16, 2, 8, 8),
            "timestep": T,
            "encoder_hidden_states": noise(2, 6, 48),
            "encoder_attention_mask": torch.ones(2, 6),
            "pooled_projections": noise(2, 768),
            "guidance": torch.ones(2),
        },
        hunyuan,
        {3072: 256},
    ),
    "ernie": Twin(
        "ErnieImageTransformer2DModel",
        {
            "hidden_size": 256,
            "num_attention_heads": 2,
            "num_layers": 2,
            "ffn_hidden_size": 256,
            "text_in_dim": 48,
        },
        "convert_ernie_image_transformer_checkpoint_to_diffusers",
        {
            "hidden_states": noise(2, 128, 4, 4),
            "timestep": T,
            "text_bth": noise(2, 6, 48),
            "text_lens": torch.tensor([6, 6]),
        },
    ),
}


def in_diffusers(name: str, native: dict[str, torch.Tensor]) -> torch.nn.Module:
    """diffusers' model of a family with these native weights (named below the diffusion model)."""
    import diffusers

    twin = TWINS[name]
    model = getattr(diffusers, twin.cls)(**twin.config)
    prefix = "model.diffusion_model." if twin.cls == "UNet2DConditionModel" else ""
    checkpoint = {prefix + key: weight.clone() for key, weight in twin.published(native).items()}
    if twin.converter:
        convert = at_widths(getattr(single_file_utils, twin.converter), twin.widths)
        checkpoint = convert(checkpoint, config=model.config)
    same_sizes(model, checkpoint)
    model.load_state_dict(checkpoint)
    return model.eval().requires_grad_(False)


def called(name: str, model: torch.nn.Module) -> torch.Tensor:
    """The model's output for the inputs of its family."""
    with torch.no_grad():
        output = model(**TWINS[name].call, return_dict=False)[0]
    return torch.stack(output) if isinstance(output, list | tuple) else output
