"""SD3, SD3 ControlNet, SD3.5 ControlNet."""

from families.twin import T, Twin, noise
from families.variant import Control, Tiny

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

TINY = {
    "in_channels": 16,
    "patch_size": 2,
    "out_channels": 16,
    "depth": 2,
    "input_size": None,
    "adm_in_channels": 24,
    "context_embedder_config": {
        "target": "torch.nn.Linear",
        "params": {"in_features": 48, "out_features": 128},
    },
    "num_patches": 64,
    "pos_embed_max_size": 8,
    "pos_embed_scaling_factor": None,
}

VARIANTS = (
    Tiny(
        "sd3",
        family="SD3",
        of="SD3",
        config={**TINY, "x_block_self_attn_layers": []},
        x=[2, 16, 8, 8],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 48], "y": [2, 24]},
        targets="""
        joint_blocks.{0,1}.x_block.attn.qkv[0:128,128:256,256:384] joint_blocks.{0,1}.x_block.attn.proj
        x_embedder.proj final_layer.linear t_embedder.mlp.{0,2}
        """,
        twin=Twin("SD3Transformer2DModel", SD3, "convert_sd3_transformer_checkpoint_to_diffusers", SD3_CALL),
    ),
    Tiny(
        "sd35_medium",
        family="SD3",
        of="SD3",
        config={**TINY, "x_block_self_attn_layers": [0], "qk_norm": "rms"},
        x=[2, 16, 8, 8],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 48], "y": [2, 24]},
        targets="""
        joint_blocks.{0,1}.x_block.attn.qkv[0:128,128:256,256:384] joint_blocks.{0,1}.x_block.attn.proj
        joint_blocks.0.x_block.attn2.qkv[0:128,128:256,256:384] joint_blocks.0.x_block.attn2.proj
        x_embedder.proj final_layer.linear t_embedder.mlp.{0,2}
        """,
        diffusers=("SD3Transformer2DModel", {"num_layers": 2, "dual_attention_layers": (0,)}),
        twin=Twin(
            "SD3Transformer2DModel",
            {**SD3, "dual_attention_layers": (0,), "qk_norm": "rms_norm"},
            "convert_sd3_transformer_checkpoint_to_diffusers",
            SD3_CALL,
        ),
    ),
    Control(
        "sd3",
        family="SD3 ControlNet",
        targets="""
        joint_blocks.{0,1}.x_block.attn.qkv[0:128,128:256,256:384] joint_blocks.{0,1}.x_block.attn.proj
        x_embedder.proj t_embedder.mlp.{0,2}
        """,
        unused="control_model.joint_blocks.1.",
    ),
    Control(
        "sd35_medium",
        family="SD3.5 ControlNet",
        targets="""
        transformer_blocks.{0,1}.attn.qkv[0:128,128:256,256:384] transformer_blocks.{0,1}.attn.proj
        t_embedder.mlp.{0,2}
        """,
    ),
)
