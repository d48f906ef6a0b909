"""Mochi."""

from families.variant import Published, Tiny

VARIANTS = (
    Tiny(
        "mochi",
        family="Mochi",
        of="GenmoMochi",
        config={
            "image_model": "mochi_preview",
            "depth": 2,
            "patch_size": 2,
            "num_heads": 2,
            "hidden_size_x": 128,
            "hidden_size_y": 64,
            "mlp_ratio_x": 96.0,
            "mlp_ratio_y": 4.0,
            "in_channels": 12,
            "learn_sigma": False,
            "qk_norm": True,
            "qkv_bias": False,
            "out_bias": True,
            "patch_embed_bias": True,
            "timestep_mlp_bias": True,
            "use_t5": True,
            "t5_feat_dim": 64,
            "t5_token_length": 6,
        },
        x=[2, 12, 2, 8, 8],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 64], "attention_mask": [2, 6], "num_tokens": 6},
        targets="""
        blocks.{0,1}.attn.qkv_x[0:128,128:256,256:384] blocks.{0,1}.attn.proj_x x_embedder.proj
        final_layer.linear t_embedder.mlp.{0,2}
        """,
        diffusers=("MochiTransformer3DModel", {"num_layers": 2}),
    ),
    Published(
        "mochi_full",
        family="Mochi",
        of="GenmoMochi",
        config={
            "image_model": "mochi_preview",
            "depth": 48,
            "patch_size": 2,
            "num_heads": 24,
            "hidden_size_x": 3072,
            "hidden_size_y": 1536,
            "mlp_ratio_x": 4.0,
            "mlp_ratio_y": 4.0,
            "in_channels": 12,
            "qk_norm": True,
            "qkv_bias": False,
            "out_bias": True,
            "patch_embed_bias": True,
            "timestep_mlp_bias": True,
            "use_t5": True,
            "t5_feat_dim": 4096,
            "t5_token_length": 256,
        },
        targets="""
        blocks.{0..47}.attn.qkv_x[0:3072,3072:6144,6144:9216] blocks.{0..47}.attn.proj_x x_embedder.proj
        final_layer.linear t_embedder.mlp.{0,2}
        """,
    ),
)
