"""Kandinsky 5."""

import torch

from families.twin import T, Twin, noise
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
        twin=Twin(
            "Kandinsky5Transformer3DModel",
            {
                "in_visual_dim": 16,
                "out_visual_dim": 16,
                "time_dim": 64,
                "model_dim": 256,
                "ff_dim": 256,
                "num_text_blocks": 1,
                "num_visual_blocks": 2,
            },
            "",
            {
                "hidden_states": noise(2, 1, 8, 8, 16),
                "encoder_hidden_states": noise(2, 6, 3584),
                "timestep": T,
                "pooled_projections": noise(2, 768),
                "visual_rope_pos": [torch.arange(1), torch.arange(4), torch.arange(4)],
                "text_rope_pos": torch.arange(6),
            },
        ),
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
