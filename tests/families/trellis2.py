"""Trellis 2."""

from families.variant import Newer

VARIANTS = (
    Newer(
        "trellis2",
        family="Trellis 2",
        of="Trellis2",
        config={"image_model": "trellis2", "resolution": 32, "init_txt_model": True, "txt_only": False},
        targets="""
        {structure_model,img2shape,shape2txt,img2shape_512}.blocks.{0..29}.self_attn.to_qkv[0:1536,1536:3072,3072:4608]
        {structure_model,img2shape,shape2txt,img2shape_512}.blocks.{0..29}.self_attn.to_out
        {structure_model,img2shape,shape2txt,img2shape_512}.{input_layer,out_layer,t_embedder.mlp.0,t_embedder.mlp.2}
        """,
        network="trellis2.model.Trellis2",
        layers={
            "{img2shape,img2shape_512}.input_layer": (1536, 32),
            "shape2txt.input_layer": (1536, 64),
            "structure_model.input_layer": (1536, 8),
            "{structure_model,img2shape,shape2txt,img2shape_512}.t_embedder.mlp.0": (1536, 256),
            "{structure_model,img2shape,shape2txt,img2shape_512}.t_embedder.mlp.2": (1536, 1536),
            "{structure_model,img2shape,shape2txt,img2shape_512}.adaLN_modulation.1": (9216, 1536),
            "{structure_model,img2shape,shape2txt,img2shape_512}.blocks.{0..29}.self_attn.to_qkv": (4608, 1536),
            "{structure_model,img2shape,shape2txt,img2shape_512}.blocks.{0..29}.{self_attn,cross_attn}.to_out": (
                1536,
                1536,
            ),
            "{structure_model,img2shape,shape2txt,img2shape_512}.blocks.{0..29}.cross_attn.to_q": (1536, 1536),
            "{structure_model,img2shape,shape2txt,img2shape_512}.blocks.{0..29}.cross_attn.to_kv": (3072, 1024),
            "{structure_model,img2shape,shape2txt,img2shape_512}.blocks.{0..29}.mlp.mlp.0": (8192, 1536),
            "{structure_model,img2shape,shape2txt,img2shape_512}.blocks.{0..29}.mlp.mlp.2": (1536, 8192),
            "{img2shape,img2shape_512,shape2txt}.out_layer": (32, 1536),
            "structure_model.out_layer": (8, 1536),
        },
    ),
)
