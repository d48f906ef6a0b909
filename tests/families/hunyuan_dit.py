"""HunyuanDiT, HunyuanDiT ControlNet."""

from families.variant import Control, Published, Tiny

VARIANTS = (
    Tiny(
        "hunyuan_dit",
        family="HunyuanDiT",
        of="HunyuanDiT",
        config={
            "image_model": "hydit",
            "depth": 40,
            "hidden_size": 64,
            "num_heads": 2,
            "text_states_dim": 48,
            "text_states_dim_t5": 64,
            "text_len": 6,
            "text_len_t5": 8,
        },
        x=[2, 4, 16, 16],
        sigma=1.5,
        call={
            "c_crossattn": [2, 6, 48],
            "text_embedding_mask": [2, 6],
            "encoder_hidden_states_t5": [2, 8, 64],
            "text_embedding_mask_t5": [2, 8],
        },
        targets="""
        blocks.{0..39}.attn1.Wqkv[0:64,64:128,128:192] blocks.{0..39}.attn1.out_proj x_embedder.proj
        final_layer.linear t_embedder.mlp.{0,2}
        """,
        diffusers=(
            "HunyuanDiT2DModel",
            {"num_layers": 2, "in_channels": 4, "sample_size": 128, "patch_size": 2},
        ),
    ),
    Published(
        "hunyuan_dit_full",
        family="HunyuanDiT",
        of="HunyuanDiT",
        config={"image_model": "hydit", "depth": 40, "hidden_size": 1408, "mlp_ratio": 4.3637},
        targets="""
        blocks.{0..39}.attn1.Wqkv[0:1408,1408:2816,2816:4224] blocks.{0..39}.attn1.out_proj
        x_embedder.proj final_layer.linear t_embedder.mlp.{0,2}
        """,
    ),
    Control(
        "hunyuan_dit",
        family="HunyuanDiT ControlNet",
        targets="""
        blocks.{0..18}.attn1.Wqkv[0:64,64:128,128:192] blocks.{0..18}.attn1.out_proj x_embedder.proj
        t_embedder.mlp.{0,2}
        """,
    ),
)
