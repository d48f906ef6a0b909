"""LTXVideo, LTXAV."""

import torch

from families.twin import T, Twin, noise
from families.variant import Published, Tiny

TARGETS_OF_LTXV = """
        transformer_blocks.{0,1}.attn1.{to_q,to_k,to_v,to_out.0} patchify_proj proj_out
        adaln_single.emb.timestep_embedder.{linear_1,linear_2}
        """

VARIANTS = (
    Tiny(
        "ltxv",
        family="LTXVideo",
        of="LTXV",
        config={
            "image_model": "ltxv",
            "num_layers": 2,
            "attention_head_dim": 8,
            "num_attention_heads": 32,
            "cross_attention_dim": 256,
            "caption_channels": 4096,
        },
        x=[2, 128, 2, 4, 4],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 4096], "attention_mask": [2, 6], "frame_rate": 25},
        targets=TARGETS_OF_LTXV,
        diffusers=("LTXVideoTransformer3DModel", {"num_layers": 2}),
        twin=Twin(
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
    ),
    Tiny(
        "ltxav",
        family="LTXAV",
        of="LTXAV",
        config={
            "image_model": "ltxav",
            "num_layers": 2,
            "attention_head_dim": 32,
            "num_attention_heads": 4,
            "cross_attention_dim": 128,
            "audio_attention_head_dim": 16,
            "audio_num_attention_heads": 4,
            "audio_cross_attention_dim": 64,
            "caption_channels": 48,
            "connector_attention_head_dim": 8,
            "connector_num_attention_heads": 2,
            "connector_num_layers": 1,
        },
        x=[2, 1, 4736],
        sigma=0.5,
        call={
            "c_crossattn": [2, 6, 96],
            "attention_mask": [2, 6],
            "frame_rate": 25,
            "latent_shapes": [[2, 128, 2, 4, 4], [2, 8, 5, 16]],
        },
        targets=TARGETS_OF_LTXV,
        diffusers=("LTX2VideoTransformer3DModel", {"num_layers": 2}),
        one_noise_level=True,
    ),
    Published(
        "ltxav_full",
        family="LTXAV",
        of="LTXAV",
        config={
            "image_model": "ltxav",
            "num_layers": 48,
            "attention_head_dim": 128,
            "cross_attention_dim": 4096,
        },
        targets="""
        transformer_blocks.{0..47}.attn1.{to_q,to_k,to_v,to_out.0} patchify_proj proj_out
        adaln_single.emb.timestep_embedder.{linear_1,linear_2}
        """,
    ),
)
