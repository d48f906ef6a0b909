"""ERNIE-Image."""

from ..family import MODULATION, SHARED, TEXT, Family, Layers


def same(native: str) -> Layers:
    """diffusers has the same names."""
    return Layers(native, native)


FAMILIES = (
    Family(
        name="ERNIE-Image",
        recognised_by=("supported_models.ErnieImage", "model_base.ErnieImage", "ernie.model.ErnieImageModel"),
        attention=(same("layers.*.self_attention.{to_q,to_k,to_v,to_out.0}"),),
        inputs=(same("x_embedder.proj"),),
        outputs=(same("final_linear"),),
        time=(same("time_embedding.{linear_1,linear_2}"),),
        mlp=(same("layers.*.mlp.{gate_proj,up_proj,linear_fc2}"),),
        skipped=(
            ("{adaLN_modulation.**,final_norm.linear}", MODULATION),
            ("text_proj", TEXT),
        ),
        caveats=(SHARED,),
        literal="SimpleTuner's ERNIE list has the attention only.",
    ),
)
