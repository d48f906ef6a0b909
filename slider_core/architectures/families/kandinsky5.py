"""Kandinsky 5, image and video."""

from ..family import MODULATION, POOLED, TEXT, Family, Layers


def same(native: str) -> Layers:
    """diffusers has the same names."""
    return Layers(native, native)


FAMILIES = (
    Family(
        name="Kandinsky 5",
        recognised_by=("supported_models.Kandinsky5", "model_base.Kandinsky5", "kandinsky5.model.Kandinsky5"),
        attention=(same("visual_transformer_blocks.*.self_attention.{to_query,to_key,to_value}"),),
        inputs=(same("visual_embeddings.in_layer"),),
        outputs=(same("out_layer.out_layer"),),
        time=(same("time_embeddings.{in_layer,out_layer}"),),
        other_attention=(
            same("visual_transformer_blocks.*.self_attention.out_layer"),
            same("visual_transformer_blocks.*.cross_attention.{to_query,to_key,to_value,out_layer}"),
            same("text_transformer_blocks.*.self_attention.{to_query,to_key,to_value,out_layer}"),
        ),
        mlp=(same("visual_transformer_blocks.*.feed_forward.{in_layer,out_layer}"),),
        skipped=(
            (
                "visual_transformer_blocks.*.self_attention.out_layer",
                "SimpleTuner's Kandinsky list leaves it out",
            ),
            ("**.{visual_modulation,text_modulation,modulation}.**", MODULATION),
            ("visual_transformer_blocks.*.cross_attention.**", TEXT),
            ("text_transformer_blocks.**", TEXT),
            ("text_embeddings.**", TEXT),
            ("pooled_text_embeddings.**", POOLED),
        ),
        elsewhere=(same("text_transformer_blocks.*.feed_forward.{in_layer,out_layer}"),),
        classes=(
            ("Kandinsky5Attention", "**.{self_attention,cross_attention}.{to_query,to_key,to_value,out_layer}"),
            ("Kandinsky5FeedForward", "**.feed_forward.{in_layer,out_layer}"),
            ("Kandinsky5TransformerEncoderBlock", "text_transformer_blocks.**"),
            ("Kandinsky5TransformerDecoderBlock", "visual_transformer_blocks.**"),
            ("Kandinsky5Transformer3DModel", "**"),
        ),
        literal="the published list (attn1.to_query, time_embedding.linear_1, …) matches nothing; here what it means.",
    ),
)
