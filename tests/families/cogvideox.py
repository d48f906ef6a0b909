"""CogVideoX."""

from families.variant import Published, Tiny

VARIANTS = (
    Tiny(
        "cogvideox",
        family="CogVideoX",
        of="CogVideoX_T2V",
        config={
            "image_model": "cogvideox",
            "num_attention_heads": 2,
            "attention_head_dim": 64,
            "num_layers": 2,
            "in_channels": 16,
            "text_embed_dim": 48,
            "time_embed_dim": 64,
            "sample_width": 8,
            "sample_height": 8,
            "sample_frames": 5,
            "max_text_seq_length": 6,
            "use_learned_positional_embeddings": False,
            "use_rotary_positional_embeddings": True,
        },
        x=[2, 16, 2, 8, 8],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 48]},
        targets="blocks.{0,1}.{q,k,v,attn_out} patch_embed.proj proj_out time_embedding_{linear_1,linear_2}",
        diffusers=("CogVideoXTransformer3DModel", {"num_layers": 2}),
    ),
    Published(
        "cogvideox_2b",
        family="CogVideoX",
        of="CogVideoX_T2V",
        config={
            "image_model": "cogvideox",
            "num_attention_heads": 30,
            "attention_head_dim": 64,
            "num_layers": 30,
            "in_channels": 16,
            "use_learned_positional_embeddings": False,
        },
        targets="blocks.{0..29}.{q,k,v,attn_out} patch_embed.proj proj_out time_embedding_{linear_1,linear_2}",
    ),
    Published(
        "cogvideox15_i2v",
        family="CogVideoX",
        of="CogVideoX_I2V",
        config={
            "image_model": "cogvideox",
            "num_attention_heads": 48,
            "attention_head_dim": 64,
            "num_layers": 42,
            "in_channels": 32,
            "patch_size_t": 2,
            "ofs_embed_dim": 512,
            "use_learned_positional_embeddings": False,
            "use_rotary_positional_embeddings": True,
        },
        targets="blocks.{0..41}.{q,k,v,attn_out} patch_embed.proj proj_out time_embedding_{linear_1,linear_2}",
    ),
)
