"""ERNIE-Image."""

import torch

from families.twin import T, Twin, noise
from families.variant import Tiny

VARIANTS = (
    Tiny(
        "ernie",
        family="ERNIE-Image",
        of="ErnieImage",
        config={
            "image_model": "ernie",
            "hidden_size": 256,
            "num_attention_heads": 2,
            "num_layers": 2,
            "ffn_hidden_size": 256,
            "text_in_dim": 48,
        },
        x=[2, 128, 4, 4],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 48]},
        targets="""
        layers.{0,1}.self_attention.{to_q,to_k,to_v,to_out.0} x_embedder.proj final_linear
        time_embedding.{linear_1,linear_2}
        """,
        diffusers=("ErnieImageTransformer2DModel", {"num_layers": 2}),
        fused_norms=("layers.0.self_attention.norm_q", "layers.1.self_attention.norm_k"),
        twin=Twin(
            "ErnieImageTransformer2DModel",
            {
                "hidden_size": 256,
                "num_attention_heads": 2,
                "num_layers": 2,
                "ffn_hidden_size": 256,
                "text_in_dim": 48,
            },
            "convert_ernie_image_transformer_checkpoint_to_diffusers",
            {
                "hidden_states": noise(2, 128, 4, 4),
                "timestep": T,
                "text_bth": noise(2, 6, 48),
                "text_lens": torch.tensor([6, 6]),
            },
        ),
    ),
)
