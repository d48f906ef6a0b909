"""HunyuanVideo, HunyuanVideo 1.5, HunyuanImage."""

import re

import torch

from families.twin import T, Twin, Weights, noise
from families.variant import Published, Tiny

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


TARGETS_OF_HUNYUAN_VIDEO = """
        double_blocks.{0,1}.img_attn.qkv[0:256,256:512,512:768] double_blocks.{0,1}.img_attn.proj
        single_blocks.{0,1}.linear1[0:256,256:512,512:768] img_in.proj final_layer.linear
        time_in.{in_layer,out_layer}
        """
TINY = {
    "image_model": "hunyuan_video",
    "context_in_dim": 48,
    "hidden_size": 256,
    "mlp_ratio": 4.0,
    "num_heads": 2,
    "depth": 2,
    "theta": 256,
    "qkv_bias": True,
    "meanflow": False,
}

VARIANTS = (
    Tiny(
        "hunyuan_video",
        family="HunyuanVideo",
        of="HunyuanVideo",
        config={
            **TINY,
            "in_channels": 16,
            "out_channels": 16,
            "vec_in_dim": 768,
            "depth_single_blocks": 2,
            "axes_dim": [16, 56, 56],
            "patch_size": [1, 2, 2],
            "guidance_embed": True,
            "byt5": False,
            "use_cond_type_embedding": False,
            "vision_in_dim": None,
            "meanflow_sum": False,
        },
        x=[2, 16, 2, 8, 8],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 48], "y": [2, 768], "guidance": [2]},
        targets=TARGETS_OF_HUNYUAN_VIDEO,
        diffusers=(
            "HunyuanVideoTransformer3DModel",
            {"num_layers": 1, "num_single_layers": 1, "num_refiner_layers": 1},
        ),
        twin=Twin(
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
    ),
    Tiny(
        "hunyuan_video15",
        family="HunyuanVideo 1.5",
        of="HunyuanVideo15",
        config={
            **TINY,
            "in_channels": 65,
            "out_channels": 32,
            "vec_in_dim": None,
            "depth_single_blocks": 0,
            "axes_dim": [16, 56, 56],
            "patch_size": [1, 1, 1],
            "guidance_embed": False,
            "byt5": True,
            "use_cond_type_embedding": True,
            "vision_in_dim": 1152,
            "meanflow_sum": True,
        },
        x=[2, 32, 2, 4, 4],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 48], "c_concat": [2, 33, 2, 4, 4]},
        targets="""
        double_blocks.{0,1}.img_attn.qkv[0:256,256:512,512:768] double_blocks.{0,1}.img_attn.proj
        img_in.proj final_layer.linear time_in.{in_layer,out_layer}
        """,
        diffusers=("HunyuanVideo15Transformer3DModel", {"num_layers": 2, "num_refiner_layers": 1}),
    ),
    Tiny(
        "hunyuan_image",
        family="HunyuanImage",
        of="HunyuanImage21",
        config={
            **TINY,
            "in_channels": 64,
            "patch_size": [1, 1],
            "out_channels": 64,
            "vec_in_dim": None,
            "axes_dim": [64, 64],
            "depth_single_blocks": 2,
            "byt5": True,
            "guidance_embed": False,
            "use_cond_type_embedding": False,
            "vision_in_dim": None,
            "meanflow_sum": False,
        },
        x=[2, 64, 4, 4],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 48]},
        targets=TARGETS_OF_HUNYUAN_VIDEO,
        diffusers=(
            "HunyuanImageTransformer2DModel",
            {"num_layers": 1, "num_single_layers": 1, "num_refiner_layers": 1},
        ),
    ),
    Published(
        "hunyuan_image_full",
        family="HunyuanImage",
        of="HunyuanImage21",
        config={
            "image_model": "hunyuan_video",
            "in_channels": 64,
            "patch_size": [1, 1],
            "out_channels": 64,
            "vec_in_dim": None,
            "axes_dim": [64, 64],
            "meanflow": False,
            "context_in_dim": 3584,
            "hidden_size": 3584,
            "mlp_ratio": 4.0,
            "num_heads": 28,
            "depth": 20,
            "depth_single_blocks": 40,
            "theta": 256,
            "qkv_bias": True,
            "byt5": True,
            "guidance_embed": False,
            "use_cond_type_embedding": False,
            "vision_in_dim": None,
            "meanflow_sum": False,
        },
        targets="""
        double_blocks.{0..19}.img_attn.qkv[0:3584,3584:7168,7168:10752]
        double_blocks.{0..19}.img_attn.proj single_blocks.{0..39}.linear1[0:3584,3584:7168,7168:10752]
        img_in.proj final_layer.linear time_in.{in_layer,out_layer}
        """,
    ),
)
