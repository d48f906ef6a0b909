"""Krea 2."""

from families.twin import T, Twin, ids, noise
from families.variant import Tiny

VARIANTS = (
    Tiny(
        "krea2",
        family="Krea 2",
        of="Krea2",
        config={
            "image_model": "krea2",
            "features": 256,
            "channels": 16,
            "patch": 2,
            "layers": 2,
            "heads": 2,
            "kvheads": 1,
            "txtlayers": 3,
            "txtdim": 160,
            "tdim": 256,
            "txtheads": 20,
            "txtkvheads": 20,
        },
        x=[2, 16, 8, 8],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 480]},
        targets="blocks.{0,1}.attn.{wq,wk,wv,wo} first last.linear tmlp.{0,2}",
        diffusers=("Krea2Transformer2DModel", {}),
        twin=Twin(
            "Krea2Transformer2DModel",
            {
                "num_layers": 2,
                "num_attention_heads": 2,
                "num_key_value_heads": 1,
                "intermediate_size": 768,
                "text_hidden_dim": 160,
                "num_text_layers": 3,
                "text_intermediate_size": 512,
            },
            "convert_krea2_transformer_checkpoint_to_diffusers",
            {
                "hidden_states": noise(2, 16, 64),
                "encoder_hidden_states": noise(2, 6, 3, 160),
                "timestep": T / 1000,
                "position_ids": ids(22, 3),
            },
        ),
    ),
)
