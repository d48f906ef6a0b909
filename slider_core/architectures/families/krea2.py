"""Krea 2."""

from ..family import MODULATION, SHARED, TEXT, Family, Layers

FAMILIES = (
    Family(
        name="Krea 2",
        recognised_by=("supported_models.Krea2", "model_base.Krea2", "krea2.model.SingleStreamDiT"),
        attention=(
            Layers("blocks.*.attn.{wq,wk,wv,wo}", "transformer_blocks.*.attn.{to_q,to_k,to_v,to_out.0}"),
        ),
        inputs=(Layers("first", "img_in"),),
        outputs=(Layers("last.linear", "final_layer.linear"),),
        time=(Layers("tmlp.{0,2}", "time_embed.{linear_1,linear_2}"),),
        other_attention=(
            Layers(
                "txtfusion.layerwise_blocks.*.attn.{wq,wk,wv,wo}",
                "text_fusion.layerwise_blocks.*.attn.{to_q,to_k,to_v,to_out.0}",
            ),
            Layers(
                "txtfusion.refiner_blocks.*.attn.{wq,wk,wv,wo}",
                "text_fusion.refiner_blocks.*.attn.{to_q,to_k,to_v,to_out.0}",
            ),
        ),
        mlp=(Layers("blocks.*.mlp.{gate,up,down}", "transformer_blocks.*.ff.{gate,up,down}"),),
        skipped=(
            ("tproj.**", MODULATION),
            ("blocks.*.attn.gate", "gates the attention, no projection of it"),
            ("{txtfusion,txtmlp}.**", TEXT),
        ),
        caveats=(SHARED,),
        literal="the general list matches nothing here; here what the rule means.",
    ),
)
