"""Kandinsky 5."""

from families.variant import Tiny

TARGETS_OF_KANDINSKY5_IMAGE = """
        visual_transformer_blocks.{0,1}.self_attention.{to_query,to_key,to_value}
        visual_embeddings.in_layer out_layer.out_layer time_embeddings.{in_layer,out_layer}
        """
TINY = {
    "image_model": "kandinsky5",
    "model_dim": 256,
    "axes_dims": [16, 24, 24],
    "time_dim": 64,
    "ff_dim": 256,
    "num_text_blocks": 1,
    "num_visual_blocks": 2,
    "in_text_dim": 3584,
    "in_text_dim2": 768,
}

VARIANTS = (
    Tiny(
        "kandinsky5_image",
        family="Kandinsky 5",
        of="Kandinsky5Image",
        config={**TINY, "visual_embed_dim": 64},
        x=[2, 16, 1, 8, 8],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 3584], "y": [2, 768]},
        targets=TARGETS_OF_KANDINSKY5_IMAGE,
        diffusers=("Kandinsky5Transformer3DModel", {"num_text_blocks": 1, "num_visual_blocks": 1}),
    ),
    Tiny(
        "kandinsky5_video",
        family="Kandinsky 5",
        of="Kandinsky5",
        config={**TINY, "visual_embed_dim": 132},
        x=[2, 16, 2, 8, 8],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 3584], "y": [2, 768], "c_concat": [2, 17, 2, 8, 8]},
        targets=TARGETS_OF_KANDINSKY5_IMAGE,
    ),
)
