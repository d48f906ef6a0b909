"""Published models that are too wide to be tiny, on PyTorch's meta device: the real modules without any memory.

The configurations are those that ComfyUI's model detection makes from the published files; where blocks repeat,
some have fewer of them. `_full` marks those that are also among the tiny models.
"""

from functools import cache

import torch
from architectures.newer import NEWER, newer_model
from comfy import supported_models
from comfy.model_base import BaseModel
from tiny_models import NAMES, shared_model

UNET = {
    "image_size": 32,
    "use_checkpoint": False,
    "legacy": False,
    "use_spatial_transformer": True,
    "in_channels": 4,
    "out_channels": 4,
    "num_res_blocks": [2, 2, 2, 2],
    "channel_mult": [1, 2, 4, 4],
    "use_linear_in_transformer": True,
    "use_temporal_attention": False,
    "use_temporal_resblock": False,
}
WAN = {"image_model": "wan2.1", "dim": 5120, "out_dim": 16, "num_heads": 40, "ffn_dim": 13824, "num_layers": 40}
Z_IMAGE = {
    "image_model": "lumina2",
    "patch_size": 2,
    "in_channels": 16,
    "qk_norm": True,
    "n_layers": 30,
    "dim": 3840,
    "cap_feat_dim": 2560,
    "n_heads": 30,
    "n_kv_heads": 30,
    "axes_dims": [32, 48, 48],
    "axes_lens": [1536, 512, 512],
    "rope_theta": 256.0,
    "ffn_dim_multiplier": 8 / 3,
    "z_image_modulation": True,
    "time_scale": 1000.0,
}
FLUX = {
    "image_model": "flux",
    "in_channels": 16,
    "out_channels": 16,
    "vec_in_dim": None,
    "hidden_size": 3072,
    "mlp_ratio": 4.0,
    "num_heads": 24,
    "axes_dim": [16, 56, 56],
    "theta": 10000,
    "patch_size": 2,
    "qkv_bias": True,
    "guidance_embed": False,
    "txt_ids_dims": [1, 2],
}
SEEDVR = {"image_model": "seedvr2", "norm_eps": 1e-5}
PID = {"lq_hidden_dim": 512, "lq_interval": 2, "lq_latent_channels": 16, "latent_spatial_down_factor": 8}

# Name: (class of comfy.supported_models, unet_config).
PUBLISHED = {
    "sdxl_refiner_full": (
        "SDXLRefiner",
        {
            **UNET,
            "num_classes": "sequential",
            "adm_in_channels": 2560,
            "model_channels": 384,
            "transformer_depth": [0, 0, 4, 4, 4, 4, 0, 0],
            "transformer_depth_output": [0, 0, 0, 4, 4, 4, 4, 4, 4, 0, 0, 0],
            "transformer_depth_middle": 4,
            "context_dim": 1280,
        },
    ),
    "ssd_1b": (
        "SSD1B",
        {
            **UNET,
            "num_classes": "sequential",
            "adm_in_channels": 2816,
            "model_channels": 320,
            "num_res_blocks": [2, 2, 2],
            "channel_mult": [1, 2, 4],
            "transformer_depth": [0, 0, 2, 2, 4, 4],
            "transformer_depth_output": [0, 0, 0, 1, 1, 2, 10, 4, 4],
            "transformer_depth_middle": -1,
            "context_dim": 2048,
        },
    ),
    "koala_700m": (
        "KOALA_700M",
        {
            **UNET,
            "num_classes": "sequential",
            "adm_in_channels": 2816,
            "model_channels": 320,
            "num_res_blocks": [1, 1, 1],
            "channel_mult": [1, 2, 4],
            "transformer_depth": [0, 2, 5],
            "transformer_depth_output": [0, 0, 2, 2, 5, 5],
            "transformer_depth_middle": -2,
            "context_dim": 2048,
        },
    ),
    "sd_x4_upscaler": (
        "SD_X4Upscaler",
        {
            **UNET,
            "in_channels": 7,
            "adm_in_channels": None,
            "model_channels": 256,
            "channel_mult": [1, 2, 2, 4],
            "transformer_depth": [0, 0, 1, 1, 1, 1, 1, 1],
            "transformer_depth_output": [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1],
            "transformer_depth_middle": 1,
            "context_dim": 1024,
        },
    ),
    "svd_full": (
        "SVD_img2vid",
        {
            **UNET,
            "in_channels": 8,
            "num_classes": "sequential",
            "adm_in_channels": 768,
            "model_channels": 320,
            "transformer_depth": [1, 1, 1, 1, 1, 1, 0, 0],
            "transformer_depth_output": [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0],
            "transformer_depth_middle": 1,
            "context_dim": 1024,
            "use_temporal_attention": True,
            "use_temporal_resblock": True,
            "extra_ff_mix_layer": True,
            "use_spatial_context": True,
            "merge_strategy": "learned_with_images",
            "merge_factor": 0.0,
            "video_kernel_size": [3, 1, 1],
        },
    ),
    "stable_cascade_b_full": (
        "Stable_Cascade_B",
        {
            "stable_cascade_stage": "b",
            "c_hidden": [320, 576, 1152, 1152],
            "nhead": [-1, 9, 18, 18],
            "blocks": [[2, 4, 14, 4], [4, 14, 4, 2]],
            "block_repeat": [[1, 1, 1, 1], [2, 2, 2, 2]],
        },
    ),
    "hunyuan_dit_full": (
        "HunyuanDiT",
        {"image_model": "hydit", "depth": 40, "hidden_size": 1408, "mlp_ratio": 4.3637},
    ),
    "mochi_full": (
        "GenmoMochi",
        {
            "image_model": "mochi_preview",
            "depth": 48,
            "patch_size": 2,
            "num_heads": 24,
            "hidden_size_x": 3072,
            "hidden_size_y": 1536,
            "mlp_ratio_x": 4.0,
            "mlp_ratio_y": 4.0,
            "in_channels": 12,
            "qk_norm": True,
            "qkv_bias": False,
            "out_bias": True,
            "patch_embed_bias": True,
            "timestep_mlp_bias": True,
            "use_t5": True,
            "t5_feat_dim": 4096,
            "t5_token_length": 256,
        },
    ),
    "ltxav_full": (
        "LTXAV",
        {"image_model": "ltxav", "num_layers": 48, "attention_head_dim": 128, "cross_attention_dim": 4096},
    ),
    "minimax_h3_full": (
        "MiniMaxH3",
        {"image_model": "minimax_h3", "num_layers": 50, "token_refiner_num_layers": 2},
    ),
    "hunyuan_image_full": (
        "HunyuanImage21",
        {
            "image_model": "hunyuan_video",
            "in_channels": 64,
            "patch_size": [1, 1],
            "out_channels": 64,
            "vec_in_dim": None,
            "axes_dim": [64, 64],
            "meanflow": False,
            "context_in_dim": 3584,
            "hidden_size": 3584,
            "mlp_ratio": 4.0,
            "num_heads": 28,
            "depth": 20,
            "depth_single_blocks": 40,
            "theta": 256,
            "qkv_bias": True,
            "byt5": True,
            "guidance_embed": False,
            "use_cond_type_embedding": False,
            "vision_in_dim": None,
            "meanflow_sum": False,
        },
    ),
    "wan_vace_full": (
        "WAN21_Vace",
        {**WAN, "model_type": "vace", "in_dim": 16, "vace_layers": 8, "vace_in_dim": 96},
    ),
    "wan_camera": ("WAN21_Camera", {**WAN, "model_type": "camera", "in_dim": 32}),
    "wan_humo": ("WAN21_HuMo", {**WAN, "model_type": "humo", "in_dim": 36}),
    "wan_s2v": ("WAN22_S2V", {**WAN, "model_type": "s2v", "in_dim": 16}),
    "wan_animate": ("WAN22_Animate", {**WAN, "model_type": "animate", "in_dim": 36}),
    "wan_scail": ("WAN21_SCAIL", {**WAN, "model_type": "scail", "in_dim": 20}),
    "wan_scail2": ("WAN21_SCAIL2", {**WAN, "model_type": "scail2", "in_dim": 20}),
    "wan_dancer": ("WAN22_WanDancer", {**WAN, "model_type": "wandancer", "in_dim": 36}),
    "z_image_omni": ("ZImage", {**Z_IMAGE, "pad_tokens_multiple": 32, "siglip_feat_dim": 1152}),
    "z_image_pixel": (
        "ZImagePixelSpace",
        {
            **Z_IMAGE,
            "image_model": "zimage_pixel",
            "patch_size": 32,
            "in_channels": 3,
            "decoder_in_channels": 3072,
            "decoder_hidden_size": 3840,
            "decoder_num_res_blocks": 4,
            "decoder_max_freqs": 8,
        },
    ),
    "newbie": (
        "Lumina2",
        {
            "image_model": "lumina2",
            "patch_size": 2,
            "in_channels": 16,
            "qk_norm": True,
            "n_layers": 36,
            "dim": 2304,
            "cap_feat_dim": 2560,
            "n_heads": 24,
            "n_kv_heads": 8,
            "axes_dims": [32, 32, 32],
            "axes_lens": [300, 512, 512],
            "ffn_dim_multiplier": 4.0,
            "clip_text_dim": 1024,
        },
    ),
    "pixeldit_full": ("PixelDiTT2I", {"image_model": "pixeldit_t2i"}),
    "pid_full": ("PiD", {"image_model": "pid", **PID}),
    "pixart_alpha": (
        "PixArtAlpha",
        {
            "image_model": "pixart_alpha",
            "num_heads": 16,
            "patch_size": 2,
            "hidden_size": 1152,
            "in_channels": 4,
            "depth": 28,
            "model_max_length": 120,
            "micro_condition": True,
            "input_size": 128,
            "pe_interpolation": 2,
        },
    ),
    "chroma_radiance_full": (
        "ChromaRadiance",
        {
            **{key: value for key, value in FLUX.items() if key != "guidance_embed"},
            "image_model": "chroma_radiance",
            "in_channels": 3,
            "out_channels": 3,
            "context_in_dim": 4096,
            "depth": 19,
            "depth_single_blocks": 38,
            "patch_size": 16,
            "txt_ids_dims": [],
            "in_dim": 64,
            "out_dim": 3072,
            "hidden_dim": 5120,
            "n_layers": 5,
            "nerf_hidden_size": 64,
            "nerf_mlp_ratio": 4,
            "nerf_depth": 4,
            "nerf_max_freqs": 8,
            "nerf_tile_size": 512,
            "nerf_final_head_type": "conv",
            "nerf_embedder_dtype": torch.float32,
            "use_x0": True,
            "use_sequential_txt_ids": False,
        },
    ),
    "lens_full": (
        "Lens",
        {
            "image_model": "lens",
            "in_channels": 128,
            "out_channels": 32,
            "num_layers": 48,
            "num_attention_heads": 24,
            "enc_hidden_dim": 2880,
            "multi_layer_encoder_feature": True,
            "selected_layer_index": (0, 1, 2),
        },
    ),
    "hidream_o1_full": ("HiDreamO1", {"image_model": "hidream_o1"}),
    "seedvr2_7b": (
        "SeedVR2",
        {**SEEDVR, "vid_dim": 3072, "heads": 24, "num_layers": 36, "mm_layers": 36, "mlp_type": "normal"},
    ),
    "seedvr2_3b": (
        "SeedVR2",
        {**SEEDVR, "vid_dim": 2560, "heads": 20, "num_layers": 32, "mlp_type": "swiglu", "vid_out_norm": True},
    ),
    "boogu_full": (
        "Boogu",
        {
            "image_model": "boogu",
            "hidden_size": 3360,
            "num_layers": 32,
            "num_double_stream_layers": 8,
            "num_refiner_layers": 2,
            "instruction_feat_dim": 4096,
        },
    ),
    "mage_flow_full": ("MageFlow", {"image_model": "mage_flow", "in_channels": 128, "num_layers": 12}),
    "joyimage_full": (
        "JoyImage",
        {
            "image_model": "joyimage",
            "in_channels": 16,
            "hidden_size": 4096,
            "patch_size": [1, 2, 2],
            "num_layers": 40,
            "num_attention_heads": 32,
            "text_dim": 4096,
        },
    ),
    "ideogram4_full": ("Ideogram4", {"image_model": "ideogram4", "in_channels": 128, "num_layers": 34}),
    "longcat_image_full": (
        "LongCatImage",
        {**FLUX, "context_in_dim": 3584, "depth": 10, "depth_single_blocks": 20},
    ),
    "ovis_image": (
        "FluxSchnell",
        {
            **FLUX,
            "context_in_dim": 2048,
            "depth": 6,
            "depth_single_blocks": 27,
            "yak_mlp": True,
            "txt_norm": True,
        },
    ),
    "cogvideox_2b": (
        "CogVideoX_T2V",
        {
            "image_model": "cogvideox",
            "num_attention_heads": 30,
            "attention_head_dim": 64,
            "num_layers": 30,
            "in_channels": 16,
            "use_learned_positional_embeddings": False,
        },
    ),
    "cogvideox15_i2v": (
        "CogVideoX_I2V",
        {
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
    ),
}


def published_model(name: str) -> BaseModel:
    """A new model of that name, made by ComfyUI's own classes; of `NEWER`, what stands in for it."""
    if name in NEWER:
        return newer_model(name)
    kind, config = PUBLISHED[name]
    described = getattr(supported_models, kind)(config)
    described.set_inference_dtype(torch.float32, None)
    return described.get_model({}, device=torch.device("meta"))


@cache
def shared_published(name: str) -> BaseModel:
    """`published_model(name)`, one for all tests that leave it as it is."""
    return published_model(name)


def model_of(name: str):
    """A shared model of either kind: tiny by its name in `tiny_models`, or published."""
    return shared_model(name) if name in NAMES else shared_published(name)
