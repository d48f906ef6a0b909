"""SeedVR2."""

from families.variant import Published, Tiny

VARIANTS = (
    Tiny(
        "seedvr2",
        family="SeedVR2",
        of="SeedVR2",
        config={
            "image_model": "seedvr2",
            "norm_eps": 1e-05,
            "num_layers": 2,
            "mm_layers": 1,
            "mlp_type": "swiglu",
            "vid_dim": 64,
            "heads": 2,
            "head_dim": 32,
            "rope_dim": 32,
            "vid_out_norm": True,
        },
        x=[2, 16, 1, 8, 8],
        sigma=0.5,
        call={
            "c_crossattn": [2, 6, 5120],
            "condition": [2, 17, 1, 8, 8],
            "transformer_options": {"cond_or_uncond": [0, 0]},
        },
        targets="""
        blocks.0.attn.proj_qkv.vid[0:64,64:128,128:192] blocks.0.attn.proj_out.vid
        blocks.1.attn.proj_qkv.all[0:64,64:128,128:192] blocks.1.attn.proj_out.all vid_in.proj
        vid_out.proj emb_in.{proj_in,proj_hid}
        """,
    ),
    Published(
        "seedvr2_7b",
        family="SeedVR2",
        of="SeedVR2",
        config={
            "image_model": "seedvr2",
            "norm_eps": 1e-05,
            "vid_dim": 3072,
            "heads": 24,
            "num_layers": 36,
            "mm_layers": 36,
            "mlp_type": "normal",
        },
        targets="""
        blocks.{0..35}.attn.proj_qkv.vid[0:3072,3072:6144,6144:9216] blocks.{0..35}.attn.proj_out.vid
        vid_in.proj vid_out.proj emb_in.{proj_in,proj_hid}
        """,
    ),
    Published(
        "seedvr2_3b",
        family="SeedVR2",
        of="SeedVR2",
        config={
            "image_model": "seedvr2",
            "norm_eps": 1e-05,
            "vid_dim": 2560,
            "heads": 20,
            "num_layers": 32,
            "mlp_type": "swiglu",
            "vid_out_norm": True,
        },
        targets="""
        blocks.{0..9}.attn.proj_qkv.vid[0:2560,2560:5120,5120:7680] blocks.{0..9}.attn.proj_out.vid
        blocks.{10..31}.attn.proj_qkv.all[0:2560,2560:5120,5120:7680] blocks.{10..31}.attn.proj_out.all
        vid_in.proj vid_out.proj emb_in.{proj_in,proj_hid}
        """,
    ),
)
