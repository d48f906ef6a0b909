"""Flux, LongCat-Image, Flux ControlNet."""

import torch

from families.twin import FLUX_CALL, Twin, noise, scales
from families.variant import Control, Published, Tiny

TARGETS_OF_FLUX = """
        double_blocks.{0,1}.img_attn.qkv[0:256,256:512,512:768] double_blocks.{0,1}.img_attn.proj
        single_blocks.{0,1}.linear1[0:256,256:512,512:768]
        """
TINY = {
    "image_model": "flux",
    "in_channels": 16,
    "out_channels": 16,
    "context_in_dim": 48,
    "hidden_size": 256,
    "mlp_ratio": 4.0,
    "num_heads": 2,
    "depth": 2,
    "depth_single_blocks": 2,
    "axes_dim": [16, 56, 56],
    "theta": 10000,
    "patch_size": 2,
    "qkv_bias": True,
}
PUBLISHED = {
    "image_model": "flux",
    "in_channels": 16,
    "out_channels": 16,
    "vec_in_dim": None,
    "hidden_size": 3072,
    "mlp_ratio": 4.0,
    "num_heads": 24,
    "axes_dim": [16, 56, 56],
    "theta": 10000,
    "patch_size": 2,
    "qkv_bias": True,
    "guidance_embed": False,
    "txt_ids_dims": [1, 2],
}

VARIANTS = (
    Tiny(
        "flux",
        family="Flux",
        of="Flux",
        config={
            **TINY,
            "vec_in_dim": 24,
            "guidance_embed": True,
            "txt_ids_dims": [],
            "yak_mlp": False,
            "txt_norm": False,
        },
        x=[2, 16, 8, 8],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 48], "y": [2, 24], "guidance": [2]},
        targets=TARGETS_OF_FLUX,
        diffusers=("FluxTransformer2DModel", {"num_layers": 1, "num_single_layers": 1}),
        twin=Twin(
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
    ),
    Tiny(
        "flux_schnell",
        family="Flux",
        of="FluxSchnell",
        config={
            **TINY,
            "vec_in_dim": 24,
            "guidance_embed": False,
            "txt_ids_dims": [],
            "yak_mlp": False,
            "txt_norm": False,
        },
        x=[2, 16, 8, 8],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 48], "y": [2, 24]},
        targets=TARGETS_OF_FLUX,
    ),
    Tiny(
        "longcat_image",
        family="LongCat-Image",
        of="LongCatImage",
        config={**TINY, "vec_in_dim": None, "guidance_embed": False, "txt_ids_dims": [1, 2]},
        x=[2, 16, 8, 8],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 48]},
        targets="""
        double_blocks.{0,1}.img_attn.qkv[0:256,256:512,512:768] double_blocks.{0,1}.img_attn.proj
        single_blocks.{0,1}.linear1[0:256,256:512,512:768] img_in final_layer.linear
        time_in.{in_layer,out_layer}
        """,
        diffusers=("LongCatImageTransformer2DModel", {"num_layers": 1, "num_single_layers": 1}),
    ),
    Published(
        "longcat_image_full",
        family="LongCat-Image",
        of="LongCatImage",
        config={**PUBLISHED, "context_in_dim": 3584, "depth": 10, "depth_single_blocks": 20},
        targets="""
        double_blocks.{0..9}.img_attn.qkv[0:3072,3072:6144,6144:9216] double_blocks.{0..9}.img_attn.proj
        single_blocks.{0..19}.linear1[0:3072,3072:6144,6144:9216] img_in final_layer.linear
        time_in.{in_layer,out_layer}
        """,
    ),
    Published(
        "ovis_image",
        family="Flux",
        of="FluxSchnell",
        config={
            **PUBLISHED,
            "context_in_dim": 2048,
            "depth": 6,
            "depth_single_blocks": 27,
            "yak_mlp": True,
            "txt_norm": True,
        },
        targets="""
        double_blocks.{0..5}.img_attn.qkv[0:3072,3072:6144,6144:9216] double_blocks.{0..5}.img_attn.proj
        single_blocks.{0..26}.linear1[0:3072,3072:6144,6144:9216]
        """,
    ),
    Control("flux", family="Flux ControlNet", targets=TARGETS_OF_FLUX),
)
