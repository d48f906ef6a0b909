"""ACE-Step, ACE-Step 1.5."""

from families.variant import Tiny

VARIANTS = (
    Tiny(
        "ace_step",
        family="ACE-Step",
        of="ACEStep",
        config={
            "audio_model": "ace",
            "attention_head_dim": 64,
            "in_channels": 8,
            "inner_dim": 128,
            "max_height": 16,
            "max_position": 32768,
            "max_width": 32768,
            "mlp_ratio": 2.5,
            "num_attention_heads": 2,
            "num_layers": 2,
            "out_channels": 8,
            "patch_size": [16, 1],
            "rope_theta": 1000000.0,
            "speaker_embedding_dim": 512,
            "text_embedding_dim": 48,
            "ssl_encoder_depths": [8, 8],
            "ssl_latent_dims": [32, 24],
            "ssl_names": ["mert", "m-hubert"],
            "lyric_encoder_vocab_size": 64,
            "lyric_hidden_size": 1024,
        },
        x=[2, 8, 16, 12],
        sigma=0.5,
        call={
            "c_crossattn": [2, 6, 48],
            "lyric_token_idx": [2, 5],
            "speaker_embeds": [2, 512],
            "lyrics_strength": 1.0,
        },
        targets="""
        transformer_blocks.{0,1}.attn.{to_q,to_k,to_v,to_out.0} proj_in.early_conv_layers.{0,2}
        final_layer.linear timestep_embedder.{linear_1,linear_2}
        """,
        step=1e-06,
    ),
    Tiny(
        "ace_step15",
        family="ACE-Step 1.5",
        of="ACEStep15",
        config={
            "audio_model": "ace1.5",
            "hidden_size": 128,
            "text_hidden_dim": 48,
            "num_dit_layers": 2,
            "num_lyric_layers": 1,
            "num_timbre_layers": 1,
            "num_tokenizer_layers": 1,
            "num_heads": 4,
            "num_kv_heads": 2,
            "head_dim": 32,
            "intermediate_size": 128,
            "sliding_window": 4,
            "fsq_dim": 64,
            "fsq_levels": [5, 4],
            "encoder_hidden_size": 64,
            "encoder_intermediate_size": 64,
            "encoder_num_heads": 4,
        },
        x=[2, 64, 20],
        sigma=0.5,
        call={
            "c_crossattn": [2, 6, 48],
            "lyric_embed": [2, 5, 48],
            "refer_audio": [2, 64, 20],
            "is_covers": False,
            "replace_with_null_embeds": True,
        },
        targets="""
        decoder.layers.{0,1}.self_attn.{q_proj,k_proj,v_proj,o_proj} decoder.proj_in.1
        decoder.time_embed.{linear_1,linear_2}
        """,
        on_cpu=True,
    ),
)
