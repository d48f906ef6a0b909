"""Flux.2."""

import torch

from families.twin import FLUX_CALL, Twin, ids, noise
from families.variant import Tiny

TARGETS_OF_FLUX2 = """
        double_blocks.{0,1}.img_attn.qkv[0:256,256:512,512:768] double_blocks.{0,1}.img_attn.proj
        single_blocks.{0,1}.linear1[0:768]
        """
TINY = {
    "image_model": "flux2",
    "in_channels": 128,
    "out_channels": 128,
    "vec_in_dim": None,
    "context_in_dim": 48,
    "hidden_size": 256,
    "mlp_ratio": 3.0,
    "num_heads": 2,
    "depth": 2,
    "depth_single_blocks": 2,
    "axes_dim": [32, 32, 32, 32],
    "theta": 2000,
    "patch_size": 1,
    "qkv_bias": False,
    "ops_bias": False,
    "global_modulation": True,
    "mlp_silu_act": True,
    "txt_ids_dims": [3],
    "default_ref_method": "index",
    "ref_index_scale": 10.0,
    "yak_mlp": False,
    "txt_norm": False,
}

VARIANTS = (
    Tiny(
        "flux2",
        family="Flux.2",
        of="Flux2",
        config={**TINY, "guidance_embed": True},
        x=[2, 128, 4, 4],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 48], "guidance": [2]},
        targets=TARGETS_OF_FLUX2,
        diffusers=("Flux2Transformer2DModel", {"num_layers": 1, "num_single_layers": 1}),
        twin=Twin(
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
    ),
    Tiny(
        "flux2_klein",
        family="Flux.2",
        of="Flux2",
        config={**TINY, "guidance_embed": False},
        x=[2, 128, 4, 4],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 48]},
        targets=TARGETS_OF_FLUX2,
    ),
)
