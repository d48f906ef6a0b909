"""PixelDiT, PiD."""

from families.variant import Published, Tiny

TARGETS_OF_PIXELDIT = """
        patch_blocks.{0,1}.attn.qkv_x[0:128,128:256,256:384] patch_blocks.{0,1}.attn.proj_x
        pixel_blocks.0.attn.qkv[0:128,128:256,256:384] pixel_blocks.0.attn.proj
        {pixel_embedder,s_embedder}.proj final_layer.linear t_embedder.mlp.{0,2}
        """
TARGETS_OF_PIXELDIT_FULL = """
        patch_blocks.{0..13}.attn.qkv_x[0:1536,1536:3072,3072:4608] patch_blocks.{0..13}.attn.proj_x
        pixel_blocks.{0,1}.attn.qkv[0:1152,1152:2304,2304:3456] pixel_blocks.{0,1}.attn.proj
        {pixel_embedder,s_embedder}.proj final_layer.linear t_embedder.mlp.{0,2}
        """

VARIANTS = (
    Tiny(
        "pixeldit",
        family="PixelDiT",
        of="PixelDiTT2I",
        config={
            "image_model": "pixeldit_t2i",
            "num_groups": 2,
            "hidden_size": 128,
            "pixel_hidden_size": 8,
            "pixel_attn_hidden_size": 128,
            "pixel_num_groups": 2,
            "patch_depth": 2,
            "pixel_depth": 1,
            "patch_size": 8,
            "txt_embed_dim": 48,
            "txt_max_length": 6,
        },
        x=[2, 3, 32, 32],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 48]},
        targets=TARGETS_OF_PIXELDIT,
    ),
    Tiny(
        "pid",
        family="PiD",
        of="PiD",
        config={
            "image_model": "pid",
            "num_groups": 2,
            "hidden_size": 128,
            "pixel_hidden_size": 8,
            "pixel_attn_hidden_size": 128,
            "pixel_num_groups": 2,
            "patch_depth": 2,
            "pixel_depth": 1,
            "patch_size": 8,
            "txt_embed_dim": 48,
            "txt_max_length": 6,
            "lq_hidden_dim": 32,
            "lq_num_res_blocks": 1,
            "lq_interval": 2,
            "lq_latent_channels": 16,
        },
        x=[2, 3, 32, 32],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 48], "lq_latent": [2, 16, 4, 4], "degrade_sigma": [2]},
        targets=TARGETS_OF_PIXELDIT,
    ),
    Published(
        "pixeldit_full",
        family="PixelDiT",
        of="PixelDiTT2I",
        config={"image_model": "pixeldit_t2i"},
        targets=TARGETS_OF_PIXELDIT_FULL,
    ),
    Published(
        "pid_full",
        family="PiD",
        of="PiD",
        config={
            "image_model": "pid",
            "lq_hidden_dim": 512,
            "lq_interval": 2,
            "lq_latent_channels": 16,
            "latent_spatial_down_factor": 8,
        },
        targets=TARGETS_OF_PIXELDIT_FULL,
    ),
)
