"""Lumina2."""

import torch

from families.twin import T, Twin, noise
from families.variant import Published, Tiny

VARIANTS = (
    Tiny(
        "lumina2",
        family="Lumina2",
        of="Lumina2",
        config={
            "image_model": "lumina2",
            "patch_size": 2,
            "in_channels": 16,
            "qk_norm": True,
            "n_layers": 2,
            "n_refiner_layers": 1,
            "dim": 288,
            "cap_feat_dim": 48,
            "n_heads": 3,
            "n_kv_heads": 1,
            "axes_dims": [32, 32, 32],
            "axes_lens": [300, 512, 512],
            "rope_theta": 10000.0,
            "ffn_dim_multiplier": 4.0,
        },
        x=[2, 16, 8, 8],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 48], "num_tokens": 6},
        targets="""
        noise_refiner.0.attention.qkv[0:288,288:384,384:480] noise_refiner.0.attention.out
        layers.{0,1}.attention.qkv[0:288,288:384,384:480] layers.{0,1}.attention.out x_embedder
        final_layer.linear t_embedder.mlp.{0,2}
        """,
        diffusers=("Lumina2Transformer2DModel", {"num_layers": 1, "num_refiner_layers": 1}),
        twin=Twin(
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
    ),
    Published(
        "newbie",
        family="Lumina2",
        of="Lumina2",
        config={
            "image_model": "lumina2",
            "patch_size": 2,
            "in_channels": 16,
            "qk_norm": True,
            "n_layers": 36,
            "dim": 2304,
            "cap_feat_dim": 2560,
            "n_heads": 24,
            "n_kv_heads": 8,
            "axes_dims": [32, 32, 32],
            "axes_lens": [300, 512, 512],
            "ffn_dim_multiplier": 4.0,
            "clip_text_dim": 1024,
        },
        targets="""
        noise_refiner.{0,1}.attention.qkv[0:2304,2304:3072,3072:3840] noise_refiner.{0,1}.attention.out
        layers.{0..35}.attention.qkv[0:2304,2304:3072,3072:3840] layers.{0..35}.attention.out x_embedder
        final_layer.linear t_embedder.mlp.{0,2}
        """,
    ),
)
