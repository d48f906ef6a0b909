"""JoyImage."""

from ..family import MODULATION, TEXT, Family, Layers, thirds

FAMILIES = (
    Family(
        name="JoyImage",
        recognised_by=(
            "supported_models.JoyImage",
            "model_base.JoyImage",
            "joyimage.model.JoyImageTransformer3DModel",
        ),
        attention=(
            Layers("double_blocks.*.attn.img_attn_qkv", rows=thirds),
            Layers("double_blocks.*.attn.img_attn_proj"),
        ),
        inputs=(Layers("img_in"),),
        outputs=(Layers("proj_out"),),
        time=(Layers("condition_embedder.time_embedder.{linear_1,linear_2}"),),
        other_attention=(
            Layers("double_blocks.*.attn.txt_attn_qkv", rows=thirds),
            Layers("double_blocks.*.attn.txt_attn_proj"),
        ),
        mlp=(Layers("double_blocks.*.img_mlp.{net.0.proj,net.2}"),),
        skipped=(
            ("condition_embedder.time_proj", MODULATION),
            ("condition_embedder.text_embedder.**", TEXT),
            ("double_blocks.*.attn.{txt_attn_qkv,txt_attn_proj}", TEXT),
            ("double_blocks.*.txt_mlp.**", TEXT),
        ),
    ),
)
