"""Wan."""

from families.twin import T, Twin, noise
from families.variant import Published, Tiny

TARGETS_OF_WAN21 = "blocks.{0,1}.self_attn.{q,k,v,o} patch_embedding head.head time_embedding.{0,2}"
TARGETS_OF_WAN_CAMERA = "blocks.{0..39}.self_attn.{q,k,v,o} patch_embedding head.head time_embedding.{0,2}"
TINY = {"image_model": "wan2.1", "dim": 256, "num_heads": 2, "ffn_dim": 256, "num_layers": 2, "text_dim": 4096}
PUBLISHED = {
    "image_model": "wan2.1",
    "dim": 5120,
    "out_dim": 16,
    "num_heads": 40,
    "ffn_dim": 13824,
    "num_layers": 40,
}

VARIANTS = (
    Tiny(
        "wan21",
        family="Wan",
        of="WAN21_T2V",
        config={
            **TINY,
            "model_type": "t2v",
            "out_dim": 16,
            "patch_size": [1, 2, 2],
            "freq_dim": 256,
            "window_size": [-1, -1],
            "qk_norm": True,
            "cross_attn_norm": True,
            "eps": 1e-06,
            "in_dim": 16,
        },
        x=[2, 16, 2, 8, 8],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 4096]},
        targets=TARGETS_OF_WAN21,
        twin=Twin(
            "WanTransformer3DModel",
            {
                "num_attention_heads": 2,
                "ffn_dim": 256,
                "num_layers": 2,
                "text_dim": 4096,
                "freq_dim": 256,
            },
            "convert_wan_transformer_to_diffusers",
            {"hidden_states": noise(2, 16, 2, 8, 8), "timestep": T, "encoder_hidden_states": noise(2, 6, 4096)},
        ),
    ),
    Tiny(
        "wan22_5b",
        family="Wan",
        of="WAN22_T2V",
        config={
            **TINY,
            "model_type": "t2v",
            "out_dim": 48,
            "patch_size": [1, 2, 2],
            "freq_dim": 256,
            "window_size": [-1, -1],
            "qk_norm": True,
            "cross_attn_norm": True,
            "eps": 1e-06,
            "in_dim": 48,
        },
        x=[2, 48, 1, 8, 8],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 4096]},
        targets=TARGETS_OF_WAN21,
    ),
    Tiny(
        "wan21_i2v",
        family="Wan",
        of="WAN21_I2V",
        config={
            **TINY,
            "model_type": "i2v",
            "out_dim": 16,
            "patch_size": [1, 2, 2],
            "freq_dim": 256,
            "window_size": [-1, -1],
            "qk_norm": True,
            "cross_attn_norm": True,
            "eps": 1e-06,
            "in_dim": 36,
        },
        x=[2, 16, 2, 8, 8],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 4096], "c_concat": [2, 20, 2, 8, 8], "clip_fea": [2, 257, 1280]},
        targets=TARGETS_OF_WAN21,
        diffusers=("WanTransformer3DModel", {"num_layers": 2, "added_kv_proj_dim": 5120, "image_dim": 1280}),
    ),
    Tiny(
        "wan_vace",
        family="Wan",
        of="WAN21_Vace",
        config={**TINY, "model_type": "vace", "out_dim": 16, "in_dim": 16, "vace_layers": 1, "vace_in_dim": 96},
        x=[2, 16, 2, 8, 8],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 4096], "vace_context": [2, 1, 96, 2, 8, 8], "vace_strength": [1.0]},
        targets="""
        blocks.{0,1}.self_attn.{q,k,v,o} patch_embedding head.head time_embedding.{0,2}
        vace_blocks.0.self_attn.{q,k,v,o}
        """,
        diffusers=("WanVACETransformer3DModel", {"num_layers": 2, "vace_layers": [0, 1]}),
    ),
    Published(
        "wan_vace_full",
        family="Wan",
        of="WAN21_Vace",
        config={**PUBLISHED, "model_type": "vace", "in_dim": 16, "vace_layers": 8, "vace_in_dim": 96},
        targets="""
        blocks.{0..39}.self_attn.{q,k,v,o} patch_embedding head.head time_embedding.{0,2}
        vace_blocks.{0..7}.self_attn.{q,k,v,o}
        """,
    ),
    Published(
        "wan_camera",
        family="Wan",
        of="WAN21_Camera",
        config={**PUBLISHED, "model_type": "camera", "in_dim": 32},
        targets=TARGETS_OF_WAN_CAMERA,
    ),
    Published(
        "wan_humo",
        family="Wan",
        of="WAN21_HuMo",
        config={**PUBLISHED, "model_type": "humo", "in_dim": 36},
        targets=TARGETS_OF_WAN_CAMERA,
    ),
    Published(
        "wan_s2v",
        family="Wan",
        of="WAN22_S2V",
        config={**PUBLISHED, "model_type": "s2v", "in_dim": 16},
        targets=TARGETS_OF_WAN_CAMERA,
    ),
    Published(
        "wan_animate",
        family="Wan",
        of="WAN22_Animate",
        config={**PUBLISHED, "model_type": "animate", "in_dim": 36},
        targets=TARGETS_OF_WAN_CAMERA,
    ),
    Published(
        "wan_scail",
        family="Wan",
        of="WAN21_SCAIL",
        config={**PUBLISHED, "model_type": "scail", "in_dim": 20},
        targets=TARGETS_OF_WAN_CAMERA,
    ),
    Published(
        "wan_scail2",
        family="Wan",
        of="WAN21_SCAIL2",
        config={**PUBLISHED, "model_type": "scail2", "in_dim": 20},
        targets=TARGETS_OF_WAN_CAMERA,
    ),
    Published(
        "wan_dancer",
        family="Wan",
        of="WAN22_WanDancer",
        config={**PUBLISHED, "model_type": "wandancer", "in_dim": 36},
        targets=TARGETS_OF_WAN_CAMERA,
    ),
)
