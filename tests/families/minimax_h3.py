"""MiniMax H3."""

from families.variant import Published, Tiny

VARIANTS = (
    Tiny(
        "minimax_h3",
        family="MiniMax H3",
        of="MiniMaxH3",
        config={
            "image_model": "minimax_h3",
            "hidden_size": 128,
            "num_layers": 2,
            "token_refiner_num_layers": 1,
            "num_attention_heads": 2,
            "attention_head_dim": 64,
            "ffn_hidden_size": 128,
            "text_dim": 48,
            "timestep_input_dim": 32,
            "time_embed_hidden_size": 64,
            "time_embed_dim": 64,
            "rope_inv_freq_len": 8,
        },
        x=[1, 1, 1152],
        sigma=0.5,
        call={"c_crossattn": [1, 6, 48], "latent_shapes": [[1, 24, 2, 4, 4], [1, 32, 2, 6]]},
        targets="""
        blocks.{0,1}.attn.qkv_proj[0:128,128:256,256:384] blocks.{0,1}.attn.out_proj video_patch_proj
        final_layer.video_out time_embedder.{proj_in,proj_out}
        """,
        diffusers=("MiniMaxH3Transformer3DModel", {"num_layers": 2}),
        step=0.001,
        single=True,
    ),
    Published(
        "minimax_h3_full",
        family="MiniMax H3",
        of="MiniMaxH3",
        config={"image_model": "minimax_h3", "num_layers": 50, "token_refiner_num_layers": 2},
        targets="""
        blocks.{0..49}.attn.qkv_proj[0:7168,7168:14336,14336:21504] blocks.{0..49}.attn.out_proj
        video_patch_proj final_layer.video_out time_embedder.{proj_in,proj_out}
        """,
    ),
)
