"""HiDream, HiDream-O1."""

from families.twin import T, Twin, noise
from families.variant import Published, Tiny

VARIANTS = (
    Tiny(
        "hidream",
        family="HiDream",
        of="HiDream",
        config={
            "image_model": "hidream",
            "attention_head_dim": 128,
            "axes_dims_rope": [64, 32, 32],
            "caption_channels": [48, 40],
            "max_resolution": [128, 128],
            "in_channels": 16,
            "out_channels": 16,
            "llama_layers": [0, 1],
            "num_attention_heads": 2,
            "num_routed_experts": 4,
            "num_activated_experts": 2,
            "num_layers": 1,
            "num_single_layers": 1,
            "patch_size": 2,
            "text_emb_dim": 24,
        },
        x=[2, 16, 8, 8],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 48], "y": [2, 24], "encoder_hidden_states_llama3": [2, 2, 6, 40]},
        targets="""
        double_stream_blocks.0.block.attn1.{to_q,to_k,to_v,to_out}
        single_stream_blocks.0.block.attn1.{to_q,to_k,to_v,to_out} x_embedder.proj final_layer.linear
        t_embedder.timestep_embedder.{linear_1,linear_2}
        """,
        twin=Twin(
            "HiDreamImageTransformer2DModel",
            {
                "patch_size": 2,
                "in_channels": 16,
                "num_layers": 1,
                "num_single_layers": 1,
                "num_attention_heads": 2,
                "caption_channels": [48, 40],
                "text_emb_dim": 24,
                "axes_dims_rope": (64, 32, 32),
                "llama_layers": [0, 1],
                "force_inference_output": True,
            },
            "convert_hidream_transformer_to_diffusers",
            {
                "hidden_states": noise(2, 16, 8, 8),
                "timesteps": T,
                "encoder_hidden_states_t5": noise(2, 6, 48),
                "encoder_hidden_states_llama3": noise(2, 2, 6, 40),
                "pooled_embeds": noise(2, 24),
            },
        ),
    ),
    Tiny(
        "hidream_o1",
        family="HiDream-O1",
        of="HiDreamO1",
        config={
            "image_model": "hidream_o1",
            "text_config_overrides": {
                "vocab_size": 151674,
                "hidden_size": 64,
                "intermediate_size": 128,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "num_key_value_heads": 2,
                "head_dim": 16,
                "rope_dims": [4, 2, 2],
            },
            "vision_config_overrides": {
                "hidden_size": 32,
                "num_heads": 2,
                "intermediate_size": 64,
                "depth": 1,
                "num_position_embeddings": 16,
                "deepstack_visual_indexes": [],
            },
        },
        x=[2, 3, 64, 64],
        sigma=0.5,
        call={
            "input_ids": {"values": [[11, 7, 23, 151673], [5, 31, 2, 151673]]},
            "position_ids": {
                "values": [
                    [[0, 1, 2, 3, 4, 4, 4, 4], [0, 1, 2, 3, 4, 4, 5, 5], [0, 1, 2, 3, 4, 5, 4, 5]],
                    [[0, 1, 2, 3, 4, 4, 4, 4], [0, 1, 2, 3, 4, 4, 5, 5], [0, 1, 2, 3, 4, 5, 4, 5]],
                ]
            },
            "ar_len": 3,
        },
        targets="""
        language_model.layers.{0,1}.self_attn.{q_proj,k_proj,v_proj,o_proj} x_embedder.{proj1,proj2}
        final_layer2.linear t_embedder1.mlp.{0,2}
        """,
    ),
    Published(
        "hidream_o1_full",
        family="HiDream-O1",
        of="HiDreamO1",
        config={"image_model": "hidream_o1"},
        targets="""
        language_model.layers.{0..35}.self_attn.{q_proj,k_proj,v_proj,o_proj} x_embedder.{proj1,proj2}
        final_layer2.linear t_embedder1.mlp.{0,2}
        """,
    ),
)
