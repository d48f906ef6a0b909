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
        attention=(Layers("layers.*.attention.qkv", rows=thirds), Layers("layers.*.attention.o")),
        inputs=(Layers("input_proj"),),
        outputs=(Layers("final_layer.linear"),),
        time=(Layers("t_embedding.{mlp_in,mlp_out}"),),
        mlp=(Layers("layers.*.feed_forward.{w1,w2,w3}"),),
        left_out=(
            ("{adaln_proj,layers.*.adaln_modulation,final_layer.adaln_modulation}", MODULATION),
            ("llm_cond_proj", TEXT),
        ),
        caveats=(SHARED,),
    ),
)
