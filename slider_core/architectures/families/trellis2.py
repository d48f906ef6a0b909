"""Trellis 2 and Pixal3D (ComfyUI 0.33): meshes from a picture, by three networks that take turns."""

from ..family import MODULATION, Family, Layers, halves, thirds

NETS = "{structure_model,img2shape_512,img2shape,shape2txt}"
CROSS = f"{NETS}.blocks.*.{{cross_attn,cross_attn.cross_attn_block}}"
PICTURE = "takes in the picture that the mesh is made from"

FAMILIES = (
    Family(
        name="Trellis 2",
        recognised_by=("supported_models.Trellis2", "model_base.Trellis2", "trellis2.model.Trellis2"),
        attention=(
            Layers(f"{NETS}.blocks.*.self_attn.to_qkv", rows=thirds),
            Layers(f"{NETS}.blocks.*.self_attn.to_out"),
        ),
        inputs=(Layers(f"{NETS}.input_layer"),),
        outputs=(Layers(f"{NETS}.out_layer"),),
        time=(Layers(f"{NETS}.t_embedder.mlp.0"), Layers(f"{NETS}.t_embedder.mlp.2")),
        other_attention=(
            Layers(f"{CROSS}.to_q"),
            Layers(f"{CROSS}.to_kv", rows=halves),
            Layers(f"{CROSS}.to_out"),
        ),
        mlp=(Layers(f"{NETS}.blocks.*.mlp.mlp.{{0,2}}"),),
        skipped=(("*.adaLN_modulation.1", MODULATION), ("*.blocks.*.cross_attn.**", PICTURE)),
        caveats=(
            "The networks for shape and texture see the samples of a batch end to end: give it one strength.",
        ),
        untrainable="No slider can be trained on Trellis 2: it makes meshes of points in space, and buckets hold "
        "pictures and videos.",
    ),
)
