"""Z-Image."""

from families.twin import T, Twin, noise
from families.variant import Published, Tiny

TARGETS_OF_Z_IMAGE_OMNI = """
        noise_refiner.{0,1}.attention.qkv[0:3840,3840:7680,7680:11520] noise_refiner.{0,1}.attention.out
        layers.{0..29}.attention.qkv[0:3840,3840:7680,7680:11520] layers.{0..29}.attention.out
        """
PUBLISHED = {
    "qk_norm": True,
    "n_layers": 30,
    "dim": 3840,
    "cap_feat_dim": 2560,
    "n_heads": 30,
    "n_kv_heads": 30,
    "axes_dims": [32, 48, 48],
    "axes_lens": [1536, 512, 512],
    "rope_theta": 256.0,
    "ffn_dim_multiplier": 2.6666666666666665,
    "z_image_modulation": True,
    "time_scale": 1000.0,
}

VARIANTS = (
    Tiny(
        "z_image",
        family="Z-Image",
        of="ZImage",
        config={
            "image_model": "lumina2",
            "patch_size": 2,
            "in_channels": 16,
            "qk_norm": True,
            "n_layers": 2,
            "n_refiner_layers": 1,
            "dim": 256,
            "cap_feat_dim": 48,
            "n_heads": 2,
            "n_kv_heads": 2,
            "axes_dims": [32, 48, 48],
            "axes_lens": [1536, 512, 512],
            "rope_theta": 256.0,
            "ffn_dim_multiplier": 2.6666666666666665,
            "z_image_modulation": True,
            "time_scale": 1000.0,
            "pad_tokens_multiple": 32,
        },
        x=[2, 16, 8, 8],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 48], "num_tokens": 6},
        targets="""
        noise_refiner.0.attention.qkv[0:256,256:512,512:768] noise_refiner.0.attention.out
        layers.{0,1}.attention.qkv[0:256,256:512,512:768] layers.{0,1}.attention.out
        """,
        diffusers=("ZImageTransformer2DModel", {"n_layers": 1, "n_refiner_layers": 1}),
        fused_norms=("layers.0.attention.q_norm", "layers.1.attention.k_norm"),
        twin=Twin(
            "ZImageTransformer2DModel",
            {
                "dim": 256,
                "n_layers": 2,
                "n_refiner_layers": 1,
                "n_heads": 2,
                "n_kv_heads": 2,
                "cap_feat_dim": 48,
            },
            "convert_z_image_transformer_checkpoint_to_diffusers",
            {"x": [noise(16, 1, 8, 8)] * 2, "t": T / 1000, "cap_feats": [noise(6, 48)] * 2},
        ),
    ),
    Published(
        "z_image_omni",
        family="Z-Image",
        of="ZImage",
        config={
            **PUBLISHED,
            "image_model": "lumina2",
            "patch_size": 2,
            "in_channels": 16,
            "pad_tokens_multiple": 32,
            "siglip_feat_dim": 1152,
        },
        targets=TARGETS_OF_Z_IMAGE_OMNI,
    ),
    Published(
        "z_image_pixel",
        family="Z-Image",
        of="ZImagePixelSpace",
        config={
            **PUBLISHED,
            "image_model": "zimage_pixel",
            "patch_size": 32,
            "in_channels": 3,
            "decoder_in_channels": 3072,
            "decoder_hidden_size": 3840,
            "decoder_num_res_blocks": 4,
            "decoder_max_freqs": 8,
        },
        targets=TARGETS_OF_Z_IMAGE_OMNI,
    ),
)
