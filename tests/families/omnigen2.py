"""OmniGen2, Boogu-Image."""

from families.variant import Published, Tiny

VARIANTS = (
    Tiny(
        "omnigen2",
        family="OmniGen2",
        of="Omnigen2",
        config={
            "image_model": "omnigen2",
            "axes_dim_rope": [40, 40, 40],
            "axes_lens": [1024, 1664, 1664],
            "ffn_dim_multiplier": None,
            "hidden_size": 360,
            "in_channels": 16,
            "multiple_of": 32,
            "norm_eps": 1e-05,
            "num_attention_heads": 3,
            "num_kv_heads": 1,
            "num_layers": 2,
            "num_refiner_layers": 1,
            "out_channels": None,
            "patch_size": 2,
            "text_feat_dim": 48,
            "timestep_scale": 1000.0,
        },
        x=[2, 16, 8, 8],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 48], "num_tokens": 6},
        targets="""
        noise_refiner.0.attn.{to_q,to_k,to_v,to_out.0}
        ref_image_refiner.0.attn.{to_q,to_k,to_v,to_out.0} layers.{0,1}.attn.{to_q,to_k,to_v,to_out.0}
        x_embedder ref_image_patch_embedder norm_out.linear_2
        time_caption_embed.timestep_embedder.{linear_1,linear_2}
        """,
        references=True,
    ),
    Tiny(
        "boogu",
        family="Boogu-Image",
        of="Boogu",
        config={
            "image_model": "boogu",
            "hidden_size": 360,
            "num_layers": 2,
            "num_double_stream_layers": 2,
            "num_refiner_layers": 1,
            "num_attention_heads": 3,
            "num_kv_heads": 1,
            "instruction_feat_dim": 48,
        },
        x=[2, 16, 8, 8],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 48], "num_tokens": 6},
        targets="""
        {noise_refiner,ref_image_refiner}.0.attn.{to_q,to_k,to_v,to_out.0}
        single_stream_layers.{0,1}.attn.{to_q,to_k,to_v,to_out.0}
        double_stream_layers.{0,1}.img_instruct_attn.processor.{img_to_q,img_to_k,img_to_v,img_out}
        double_stream_layers.{0,1}.img_self_attn.{to_q,to_k,to_v,to_out.0} x_embedder
        ref_image_patch_embedder norm_out.linear_2
        time_caption_embed.timestep_embedder.{linear_1,linear_2}
        """,
        references=True,
    ),
    Published(
        "boogu_full",
        family="Boogu-Image",
        of="Boogu",
        config={
            "image_model": "boogu",
            "hidden_size": 3360,
            "num_layers": 32,
            "num_double_stream_layers": 8,
            "num_refiner_layers": 2,
            "instruction_feat_dim": 4096,
        },
        targets="""
        {noise_refiner,ref_image_refiner}.{0,1}.attn.{to_q,to_k,to_v,to_out.0}
        single_stream_layers.{0..31}.attn.{to_q,to_k,to_v,to_out.0}
        double_stream_layers.{0..7}.img_instruct_attn.processor.{img_to_q,img_to_k,img_to_v,img_out}
        double_stream_layers.{0..7}.img_self_attn.{to_q,to_k,to_v,to_out.0} x_embedder
        ref_image_patch_embedder norm_out.linear_2
        time_caption_embed.timestep_embedder.{linear_1,linear_2}
        """,
    ),
)
