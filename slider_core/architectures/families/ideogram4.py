"""Ideogram 4."""

from ..family import MODULATION, SHARED, TEXT, Family, Layers, thirds

FAMILIES = (
    Family(
        name="Ideogram 4",
        recognised_by=(
            "supported_models.Ideogram4",
            "model_base.Ideogram4",
            "ideogram4.model.Ideogram4Transformer",
        ),
        attention=(
            Layers("layers.*.attention.qkv", "layers.*.attention.{to_q,to_k,to_v}", thirds),
            Layers("layers.*.attention.o", "layers.*.attention.to_out.0"),
        ),
        inputs=(Layers("input_proj", "input_proj"),),
        outputs=(Layers("final_layer.linear", "final_layer.linear"),),
        time=(Layers("t_embedding.{mlp_in,mlp_out}", "t_embedding.{mlp_in,mlp_out}"),),
        mlp=(Layers("layers.*.feed_forward.{w1,w2,w3}", "layers.*.feed_forward.{w1,w2,w3}"),),
        skipped=(
            ("{adaln_proj,layers.*.adaln_modulation,final_layer.adaln_modulation}", MODULATION),
            ("llm_cond_proj", TEXT),
        ),
        caveats=(SHARED,),
    ),
)
