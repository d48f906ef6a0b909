"""AuraFlow."""

from families.twin import T, Twin, noise
from families.variant import Tiny

VARIANTS = (
    Tiny(
        "auraflow",
        family="AuraFlow",
        of="AuraFlow",
        config={
            "dim": 256,
            "n_layers": 3,
            "n_double_layers": 1,
            "n_heads": 2,
            "global_conddim": 256,
            "cond_seq_dim": 48,
            "max_seq": 64,
        },
        x=[2, 4, 8, 8],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 48]},
        targets="double_layers.0.attn.{w2q,w2k,w2v,w2o} single_layers.{0,1}.attn.{w1q,w1k,w1v,w1o}",
        diffusers=("AuraFlowTransformer2DModel", {"num_mmdit_layers": 1, "num_single_dit_layers": 1}),
        twin=Twin(
            "AuraFlowTransformer2DModel",
            {
                "sample_size": 8,
                "num_mmdit_layers": 1,
                "num_single_dit_layers": 2,
                "attention_head_dim": 128,
                "num_attention_heads": 2,
                "joint_attention_dim": 48,
                "caption_projection_dim": 256,
                "pos_embed_max_size": 64,
            },
            "convert_auraflow_transformer_checkpoint_to_diffusers",
            {
                "hidden_states": noise(2, 4, 8, 8),
                "encoder_hidden_states": noise(2, 6, 48),
                "timestep": T / 1000,
            },
        ),
    ),
)
