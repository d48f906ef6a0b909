"""Lens."""

from families.variant import Published, Tiny

VARIANTS = (
    Tiny(
        "lens",
        family="Lens",
        of="Lens",
        config={
            "image_model": "lens",
            "in_channels": 128,
            "out_channels": 32,
            "num_layers": 2,
            "num_attention_heads": 4,
            "enc_hidden_dim": 32,
            "multi_layer_encoder_feature": True,
            "selected_layer_index": [0, 1],
        },
        x=[2, 128, 4, 4],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 64], "attention_mask": [2, 6]},
        targets="""
        transformer_blocks.{0,1}.attn.img_qkv[0:256,256:512,512:768]
        transformer_blocks.{0,1}.attn.to_out.0 img_in proj_out
        time_text_embed.timestep_embedder.{linear_1,linear_2}
        """,
    ),
    Published(
        "lens_full",
        family="Lens",
        of="Lens",
        config={
            "image_model": "lens",
            "in_channels": 128,
            "out_channels": 32,
            "num_layers": 48,
            "num_attention_heads": 24,
            "enc_hidden_dim": 2880,
            "multi_layer_encoder_feature": True,
            "selected_layer_index": (0, 1, 2),
        },
        targets="""
        transformer_blocks.{0..47}.attn.img_qkv[0:1536,1536:3072,3072:4608]
        transformer_blocks.{0..47}.attn.to_out.0 img_in proj_out
        time_text_embed.timestep_embedder.{linear_1,linear_2}
        """,
    ),
)
