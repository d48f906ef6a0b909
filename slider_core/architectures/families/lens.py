"""Microsoft Lens."""

from ..family import MODULATION, TEXT, Family, Layers, thirds

FAMILIES = (
    Family(
        name="Lens",
        recognised_by=("supported_models.Lens", "model_base.Lens", "lens.model.LensTransformer2DModel"),
        attention=(
            Layers("transformer_blocks.*.attn.img_qkv", rows=thirds),
            Layers("transformer_blocks.*.attn.to_out.0"),
        ),
        inputs=(Layers("img_in"),),
        outputs=(Layers("proj_out"),),
        time=(Layers("time_text_embed.timestep_embedder.{linear_1,linear_2}"),),
        other_attention=(
            Layers("transformer_blocks.*.attn.txt_qkv", rows=thirds),
            Layers("transformer_blocks.*.attn.to_add_out"),
        ),
        mlp=(Layers("transformer_blocks.*.img_mlp.{w1,w2,w3}"),),
        skipped=(
            ("**.{img_mod,txt_mod}.**", MODULATION),
            ("norm_out.linear", MODULATION),
            ("transformer_blocks.*.{attn.txt_qkv,attn.to_add_out,txt_mlp.w1,txt_mlp.w2,txt_mlp.w3}", TEXT),
            ("txt_in", TEXT),
        ),
    ),
)
