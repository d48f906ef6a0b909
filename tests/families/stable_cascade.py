"""Stable Cascade, Stable Cascade B."""

from families.variant import Published, Tiny

VARIANTS = (
    Tiny(
        "stable_cascade_c",
        family="Stable Cascade",
        of="Stable_Cascade_C",
        config={
            "stable_cascade_stage": "c",
            "c_cond": 64,
            "c_hidden": [64, 64],
            "nhead": [2, 2],
            "blocks": [[2, 1], [1, 2]],
            "c_clip_text": 48,
            "c_clip_text_pooled": 24,
        },
        x=[2, 16, 4, 4],
        sigma=0.5,
        call={
            "clip_text": [2, 6, 48],
            "clip_text_pooled": [2, 1, 24],
            "clip_img": [2, 1, 768],
            "sca": [2],
            "crp": [2],
        },
        targets="""
        down_blocks.0.{2,5}.attention.attn.{to_q,to_k,to_v,out_proj} down_blocks.0.{1,4}.mapper
        down_blocks.1.2.attention.attn.{to_q,to_k,to_v,out_proj} down_blocks.1.1.mapper
        up_blocks.0.2.attention.attn.{to_q,to_k,to_v,out_proj} up_blocks.0.1.mapper
        up_blocks.1.{2,5}.attention.attn.{to_q,to_k,to_v,out_proj} up_blocks.1.{1,4}.mapper embedding.1
        clf.1
        """,
    ),
    Tiny(
        "stable_cascade_b",
        family="Stable Cascade B",
        of="Stable_Cascade_B",
        config={
            "stable_cascade_stage": "b",
            "c_hidden": [64, 64],
            "nhead": [-1, 1],
            "blocks": [[1, 1], [1, 1]],
            "block_repeat": [[1, 1], [2, 1]],
            "level_config": ["CT", "CTA"],
            "dropout": [0, 0],
        },
        x=[2, 4, 16, 16],
        sigma=0.5,
        call={"clip": [2, 1, 1280], "effnet": [2, 16, 4, 4], "sca": [2]},
        targets="""
        {down_blocks.1,up_blocks.0}.2.attention.attn.{to_q,to_k,to_v,out_proj}
        down_blocks.{0,1}.1.mapper up_blocks.{0,1}.1.mapper embedding.1 clf.1
        """,
    ),
    Published(
        "stable_cascade_b_full",
        family="Stable Cascade B",
        of="Stable_Cascade_B",
        config={
            "stable_cascade_stage": "b",
            "c_hidden": [320, 576, 1152, 1152],
            "nhead": [-1, 9, 18, 18],
            "blocks": [[2, 4, 14, 4], [4, 14, 4, 2]],
            "block_repeat": [[1, 1, 1, 1], [2, 2, 2, 2]],
        },
        targets="""
        down_blocks.2.{2..41..3}.attention.attn.{to_q,to_k,to_v,out_proj}
        down_blocks.3.{2..11..3}.attention.attn.{to_q,to_k,to_v,out_proj}
        up_blocks.0.{2..11..3}.attention.attn.{to_q,to_k,to_v,out_proj}
        up_blocks.1.{2..41..3}.attention.attn.{to_q,to_k,to_v,out_proj} down_blocks.0.{1,3}.mapper
        down_blocks.1.{1..7..2}.mapper down_blocks.2.{1..40..3}.mapper down_blocks.3.{1..10..3}.mapper
        up_blocks.0.{1..10..3}.mapper up_blocks.1.{1..40..3}.mapper up_blocks.2.{1..7..2}.mapper
        up_blocks.3.{1,3}.mapper embedding.1 clf.1
        """,
    ),
)
