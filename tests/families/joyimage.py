"""JoyImage."""

from families.variant import Published, Tiny

VARIANTS = (
    Tiny(
        "joyimage",
        family="JoyImage",
        of="JoyImage",
        config={
            "image_model": "joyimage",
            "in_channels": 16,
            "hidden_size": 256,
            "patch_size": [1, 2, 2],
            "num_layers": 2,
            "num_attention_heads": 2,
            "text_dim": 48,
        },
        x=[2, 16, 1, 8, 8],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 48]},
        targets="""
        double_blocks.{0,1}.attn.img_attn_qkv[0:256,256:512,512:768]
        double_blocks.{0,1}.attn.img_attn_proj img_in proj_out
        condition_embedder.time_embedder.{linear_1,linear_2}
        """,
        fused_norms=("double_blocks.0.attn.img_attn_q_norm", "double_blocks.1.attn.img_attn_k_norm"),
    ),
    Published(
        "joyimage_full",
        family="JoyImage",
        of="JoyImage",
        config={
            "image_model": "joyimage",
            "in_channels": 16,
            "hidden_size": 4096,
            "patch_size": [1, 2, 2],
            "num_layers": 40,
            "num_attention_heads": 32,
            "text_dim": 4096,
        },
        targets="""
        double_blocks.{0..39}.attn.img_attn_qkv[0:4096,4096:8192,8192:12288]
        double_blocks.{0..39}.attn.img_attn_proj img_in proj_out
        condition_embedder.time_embedder.{linear_1,linear_2}
        """,
    ),
)
