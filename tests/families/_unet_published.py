"""Published UNets that are too wide to be tiny: SDXL's relatives, the ×4 upscaler, SVD."""

from families.variant import Published

PUBLISHED = {
    "image_size": 32,
    "use_checkpoint": False,
    "legacy": False,
    "use_spatial_transformer": True,
    "out_channels": 4,
    "use_linear_in_transformer": True,
}

SDXL = {
    **PUBLISHED,
    "in_channels": 4,
    "use_temporal_attention": False,
    "use_temporal_resblock": False,
    "num_classes": "sequential",
}
SVD = {
    "in_channels": 8,
    "use_temporal_attention": True,
    "use_temporal_resblock": True,
    "num_classes": "sequential",
    "adm_in_channels": 768,
    "extra_ff_mix_layer": True,
    "use_spatial_context": True,
    "merge_strategy": "learned_with_images",
    "merge_factor": 0.0,
    "video_kernel_size": [3, 1, 1],
}

PUBLISHED_UNETS = (
    Published(
        "sdxl_refiner_full",
        family="SDXL",
        of="SDXLRefiner",
        config={
            **SDXL,
            "num_res_blocks": [2, 2, 2, 2],
            "channel_mult": [1, 2, 4, 4],
            "adm_in_channels": 2560,
            "model_channels": 384,
            "transformer_depth": [0, 0, 4, 4, 4, 4, 0, 0],
            "transformer_depth_output": [0, 0, 0, 4, 4, 4, 4, 4, 4, 0, 0, 0],
            "transformer_depth_middle": 4,
            "context_dim": 1280,
        },
        targets="""
        input_blocks.{4,5,7,8}.1.transformer_blocks.{0..3}.attn1.{to_q,to_k,to_v,to_out.0}
        output_blocks.{3..8}.1.transformer_blocks.{0..3}.attn1.{to_q,to_k,to_v,to_out.0}
        middle_block.1.transformer_blocks.{0..3}.attn1.{to_q,to_k,to_v,to_out.0}
        input_blocks.{4,5,7,8}.1.{proj_in,proj_out} output_blocks.{3..8}.1.{proj_in,proj_out}
        middle_block.1.{proj_in,proj_out} input_blocks.0.0 out.2 time_embed.{0,2}
        """,
    ),
    Published(
        "ssd_1b",
        family="SDXL",
        of="SSD1B",
        config={
            **SDXL,
            "num_res_blocks": [2, 2, 2],
            "channel_mult": [1, 2, 4],
            "adm_in_channels": 2816,
            "model_channels": 320,
            "transformer_depth": [0, 0, 2, 2, 4, 4],
            "transformer_depth_output": [0, 0, 0, 1, 1, 2, 10, 4, 4],
            "transformer_depth_middle": -1,
            "context_dim": 2048,
        },
        targets="""
        input_blocks.{4,5}.1.transformer_blocks.{0,1}.attn1.{to_q,to_k,to_v,to_out.0}
        input_blocks.{7,8}.1.transformer_blocks.{0..3}.attn1.{to_q,to_k,to_v,to_out.0}
        output_blocks.{0,1}.1.transformer_blocks.{0..3}.attn1.{to_q,to_k,to_v,to_out.0}
        output_blocks.2.1.transformer_blocks.{0..9}.attn1.{to_q,to_k,to_v,to_out.0}
        output_blocks.3.1.transformer_blocks.{0,1}.attn1.{to_q,to_k,to_v,to_out.0}
        output_blocks.{4,5}.1.transformer_blocks.0.attn1.{to_q,to_k,to_v,to_out.0}
        input_blocks.{4,5,7,8}.1.{proj_in,proj_out} output_blocks.{0..5}.1.{proj_in,proj_out}
        input_blocks.0.0 out.2 time_embed.{0,2}
        """,
    ),
    Published(
        "koala_700m",
        family="SDXL",
        of="KOALA_700M",
        config={
            **SDXL,
            "num_res_blocks": [1, 1, 1],
            "channel_mult": [1, 2, 4],
            "adm_in_channels": 2816,
            "model_channels": 320,
            "transformer_depth": [0, 2, 5],
            "transformer_depth_output": [0, 0, 2, 2, 5, 5],
            "transformer_depth_middle": -2,
            "context_dim": 2048,
        },
        targets="""
        input_blocks.3.1.transformer_blocks.{0,1}.attn1.{to_q,to_k,to_v,to_out.0}
        input_blocks.5.1.transformer_blocks.{0..4}.attn1.{to_q,to_k,to_v,to_out.0}
        output_blocks.{0,1}.1.transformer_blocks.{0..4}.attn1.{to_q,to_k,to_v,to_out.0}
        output_blocks.{2,3}.1.transformer_blocks.{0,1}.attn1.{to_q,to_k,to_v,to_out.0}
        input_blocks.{3,5}.1.{proj_in,proj_out} output_blocks.{0..3}.1.{proj_in,proj_out}
        input_blocks.0.0 out.2 time_embed.{0,2}
        """,
    ),
    Published(
        "sd_x4_upscaler",
        family="SD2.x",
        of="SD_X4Upscaler",
        config={
            **PUBLISHED,
            "in_channels": 7,
            "num_res_blocks": [2, 2, 2, 2],
            "channel_mult": [1, 2, 2, 4],
            "use_temporal_attention": False,
            "use_temporal_resblock": False,
            "adm_in_channels": None,
            "model_channels": 256,
            "transformer_depth": [0, 0, 1, 1, 1, 1, 1, 1],
            "transformer_depth_output": [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1],
            "transformer_depth_middle": 1,
            "context_dim": 1024,
        },
        targets="""
        input_blocks.{10,11}.1.transformer_blocks.0.attn1.{to_q,to_k,to_v,to_out.0}
        output_blocks.{0..2}.1.transformer_blocks.0.attn1.{to_q,to_k,to_v,to_out.0}
        middle_block.1.transformer_blocks.0.attn1.{to_q,to_k,to_v,to_out.0}
        input_blocks.{4,5,7,8,10,11}.1.{proj_in,proj_out} output_blocks.{0..8}.1.{proj_in,proj_out}
        middle_block.1.{proj_in,proj_out} input_blocks.0.0 out.2 time_embed.{0,2}
        """,
    ),
    Published(
        "svd_full",
        family="SVD",
        of="SVD_img2vid",
        config={
            **PUBLISHED,
            **SVD,
            "num_res_blocks": [2, 2, 2, 2],
            "channel_mult": [1, 2, 4, 4],
            "model_channels": 320,
            "transformer_depth": [1, 1, 1, 1, 1, 1, 0, 0],
            "transformer_depth_output": [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0],
            "transformer_depth_middle": 1,
            "context_dim": 1024,
        },
        targets="""
        input_blocks.{1,2,4,5,7,8}.1.{transformer_blocks,time_stack}.0.attn1.{to_q,to_k,to_v,to_out.0}
        input_blocks.{1,2,4,5,7,8}.1.{proj_in,proj_out}
        middle_block.1.{transformer_blocks,time_stack}.0.attn1.{to_q,to_k,to_v,to_out.0}
        middle_block.1.{proj_in,proj_out}
        output_blocks.{3..11}.1.{transformer_blocks,time_stack}.0.attn1.{to_q,to_k,to_v,to_out.0}
        output_blocks.{3..11}.1.{proj_in,proj_out} input_blocks.0.0 out.2 time_embed.{0,2}
        """,
    ),
)
