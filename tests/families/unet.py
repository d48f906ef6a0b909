"""SD1.x, SDXL, SD2.x, SVD, UNet ControlNet."""

from families._unet_published import PUBLISHED_UNETS, SVD
from families.twin import Twin, ids, noise
from families.variant import Control, Tiny

LDM_UNET = {
    "sample_size": 8,
    "cross_attention_dim": 48,
    "layers_per_block": 1,
    "norm_num_groups": 32,
}

TARGETS_OF_SD15 = """
        input_blocks.{1,3}.1.transformer_blocks.0.attn1.{to_q,to_k,to_v,to_out.0}
        output_blocks.{2..5}.1.transformer_blocks.0.attn1.{to_q,to_k,to_v,to_out.0}
        middle_block.1.transformer_blocks.0.attn1.{to_q,to_k,to_v,to_out.0} input_blocks.0.0 out.2
        time_embed.{0,2} input_blocks.{1,3}.1.{proj_in,proj_out}
        output_blocks.{2..5}.1.{proj_in,proj_out} middle_block.1.{proj_in,proj_out}
        """
TARGETS_OF_SDXL = """
        input_blocks.3.1.transformer_blocks.{0,1}.attn1.{to_q,to_k,to_v,to_out.0}
        output_blocks.{0,1}.1.transformer_blocks.{0,1}.attn1.{to_q,to_k,to_v,to_out.0}
        middle_block.1.transformer_blocks.{0,1}.attn1.{to_q,to_k,to_v,to_out.0} input_blocks.0.0 out.2
        time_embed.{0,2} input_blocks.3.1.{proj_in,proj_out} output_blocks.{0,1}.1.{proj_in,proj_out}
        middle_block.1.{proj_in,proj_out}
        """
CONTROL_TARGETS_OF_SD15 = """
        middle_block.1.transformer_blocks.0.attn1.{to_q,to_k,to_v,to_out.0}
        middle_block.1.{proj_in,proj_out}
        input_blocks.{1,3}.1.transformer_blocks.0.attn1.{to_q,to_k,to_v,to_out.0}
        input_blocks.{1,3}.1.{proj_in,proj_out} input_blocks.0.0 time_embed.{0,2}
        input_hint_block.{0,14}
        """
TINY = {
    "image_size": 32,
    "use_checkpoint": False,
    "legacy": False,
    "use_spatial_transformer": True,
    "out_channels": 4,
    "context_dim": 48,
}
STILL = {**TINY, "in_channels": 4, "use_temporal_resblock": False, "use_temporal_attention": False}
SD15 = {
    **STILL,
    "adm_in_channels": None,
    "num_res_blocks": [1, 1, 1],
    "channel_mult": [1, 2, 2],
    "transformer_depth": [1, 1, 0],
    "transformer_depth_output": [1, 1, 1, 1, 0, 0],
    "transformer_depth_middle": 1,
}
SDXL = {
    **STILL,
    "num_classes": "sequential",
    "model_channels": 64,
    "num_res_blocks": [1, 1],
    "channel_mult": [1, 2],
    "transformer_depth": [0, 2],
    "transformer_depth_output": [0, 0, 2, 2],
    "transformer_depth_middle": 2,
    "use_linear_in_transformer": True,
}

VARIANTS = (
    Tiny(
        "sd15",
        family="SD1.x",
        of="SD15",
        config={**SD15, "model_channels": 32, "use_linear_in_transformer": False},
        x=[2, 4, 8, 8],
        sigma=1.5,
        call={"c_crossattn": [2, 6, 48]},
        targets=TARGETS_OF_SD15,
        twin=Twin(
            "UNet2DConditionModel",
            {
                **LDM_UNET,
                "block_out_channels": (32, 64, 64),
                "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
                "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
                "attention_head_dim": 8,
            },
            "convert_ldm_unet_checkpoint",
            {"sample": noise(2, 4, 8, 8), "timestep": 500, "encoder_hidden_states": noise(2, 6, 48)},
        ),
    ),
    Tiny(
        "sdxl",
        family="SDXL",
        of="SDXL",
        config={**SDXL, "adm_in_channels": 2816},
        x=[2, 4, 8, 8],
        sigma=1.5,
        call={"c_crossattn": [2, 6, 48], "y": [2, 2816]},
        targets=TARGETS_OF_SDXL,
        diffusers=("UNet2DConditionModel", {"use_linear_projection": True}),
        twin=Twin(
            "UNet2DConditionModel",
            {
                **LDM_UNET,
                "block_out_channels": (64, 128),
                "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
                "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
                "transformer_layers_per_block": (1, 2),
                "attention_head_dim": (1, 2),
                "use_linear_projection": True,
                "addition_embed_type": "text_time",
                "addition_time_embed_dim": 256,
                "projection_class_embeddings_input_dim": 2816,
            },
            "convert_ldm_unet_checkpoint",
            {
                "sample": noise(2, 4, 8, 8),
                "timestep": 500,
                "encoder_hidden_states": noise(2, 6, 48),
                "added_cond_kwargs": {"text_embeds": noise(2, 1280), "time_ids": ids(2, 6)},
            },
        ),
    ),
    Tiny(
        "sd2",
        family="SD2.x",
        of="SD20",
        config={**SD15, "model_channels": 64, "use_linear_in_transformer": True},
        x=[2, 4, 8, 8],
        sigma=1.5,
        call={"c_crossattn": [2, 6, 48]},
        targets=TARGETS_OF_SD15,
    ),
    Tiny(
        "kolors",
        family="SDXL",
        of="SDXL",
        config={**SDXL, "adm_in_channels": 5632},
        x=[2, 4, 8, 8],
        sigma=1.5,
        call={"c_crossattn": [2, 6, 48], "y": [2, 5632]},
        targets=TARGETS_OF_SDXL,
    ),
    Tiny(
        "sdxl_refiner",
        family="SDXL",
        of="SDXLRefiner",
        config={**SDXL, "adm_in_channels": 2560},
        x=[2, 4, 8, 8],
        sigma=1.5,
        call={"c_crossattn": [2, 6, 48], "y": [2, 2560]},
        targets=TARGETS_OF_SDXL,
    ),
    Tiny(
        "svd",
        family="SVD",
        of="SVD_img2vid",
        config={
            **TINY,
            **SVD,
            "model_channels": 64,
            "num_res_blocks": [1, 1],
            "channel_mult": [1, 2],
            "transformer_depth": [1, 1],
            "transformer_depth_output": [1, 1, 1, 1],
            "transformer_depth_middle": 1,
            "use_linear_in_transformer": True,
        },
        x=[4, 4, 8, 8],
        sigma=1.5,
        call={"c_crossattn": [4, 1, 48], "y": [4, 768], "c_concat": [4, 4, 8, 8], "num_video_frames": 2},
        targets="""
        input_blocks.{1,3}.1.{transformer_blocks,time_stack}.0.attn1.{to_q,to_k,to_v,to_out.0}
        input_blocks.{1,3}.1.{proj_in,proj_out}
        middle_block.1.{transformer_blocks,time_stack}.0.attn1.{to_q,to_k,to_v,to_out.0}
        middle_block.1.{proj_in,proj_out}
        output_blocks.{0..3}.1.{transformer_blocks,time_stack}.0.attn1.{to_q,to_k,to_v,to_out.0}
        output_blocks.{0..3}.1.{proj_in,proj_out} input_blocks.0.0 out.2 time_embed.{0,2}
        """,
        diffusers=("UNetSpatioTemporalConditionModel", {}),
    ),
    Control("sd15", family="UNet ControlNet", targets=CONTROL_TARGETS_OF_SD15),
    Control("sd2", family="UNet ControlNet", targets=CONTROL_TARGETS_OF_SD15),
    Control(
        "sdxl",
        family="UNet ControlNet",
        targets="""
        middle_block.1.transformer_blocks.{0,1}.attn1.{to_q,to_k,to_v,to_out.0}
        middle_block.1.{proj_in,proj_out}
        input_blocks.3.1.transformer_blocks.{0,1}.attn1.{to_q,to_k,to_v,to_out.0}
        input_blocks.3.1.{proj_in,proj_out} input_blocks.0.0 time_embed.{0,2} input_hint_block.{0,14}
        """,
    ),
    *PUBLISHED_UNETS,
)
