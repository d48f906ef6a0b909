"""Ideogram 4."""

from families.variant import Published, Tiny

VARIANTS = (
    Tiny(
        "ideogram4",
        family="Ideogram 4",
        of="Ideogram4",
        config={
            "image_model": "ideogram4",
            "in_channels": 128,
            "num_layers": 2,
            "num_attention_heads": 2,
            "attention_head_dim": 64,
            "intermediate_size": 128,
            "adaln_dim": 32,
            "llm_features_dim": 48,
            "mrope_section": [12, 10, 10],
        },
        x=[2, 128, 4, 4],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 48]},
        targets="""
        layers.{0,1}.attention.qkv[0:128,128:256,256:384] layers.{0,1}.attention.o input_proj
        final_layer.linear t_embedding.{mlp_in,mlp_out}
        """,
        diffusers=("Ideogram4Transformer2DModel", {"num_layers": 2}),
        fused_norms=("layers.0.attention.norm_q", "layers.1.attention.norm_k"),
    ),
    Published(
        "ideogram4_full",
        family="Ideogram 4",
        of="Ideogram4",
        config={"image_model": "ideogram4", "in_channels": 128, "num_layers": 34},
        targets="""
        layers.{0..33}.attention.qkv[0:4608,4608:9216,9216:13824] layers.{0..33}.attention.o input_proj
        final_layer.linear t_embedding.{mlp_in,mlp_out}
        """,
    ),
)
