"""MiniMax Music 3."""

from families.variant import Newer

VARIANTS = (
    Newer(
        "minimax_music3",
        family="MiniMax Music 3",
        of="MiniMaxMusic3",
        config={"audio_model": "minimax_music3"},
        targets="""
        diffusion_transformer.transformer.layers.{0..35}.self_attn.to_qkv[0:2048,2048:4096,4096:6144]
        diffusion_transformer.transformer.layers.{0..35}.self_attn.to_out
        diffusion_transformer.{preprocess_conv,postprocess_conv}
        diffusion_transformer.to_timestep_embed.{0,2}
        diffusion_transformer.transformer.{project_in,project_out}
        """,
        network="minimax_music.dit.MiniMaxMusic3DiT",
        layers={
            "latent_conditioners.0": (2048, 4096, 3),
            "diffusion_transformer.transformer.project_in": (2048, 2304),
            "diffusion_transformer.transformer.project_out": (128, 2048),
            "diffusion_transformer.transformer.layers.{0..35}.self_attn.to_qkv": (6144, 2048),
            "diffusion_transformer.transformer.layers.{0..35}.self_attn.to_out": (2048, 2048),
            "diffusion_transformer.transformer.layers.{0..35}.ff.ff.0.proj": (16384, 2048),
            "diffusion_transformer.transformer.layers.{0..35}.ff.ff.2": (2048, 8192),
            "diffusion_transformer.to_timestep_embed.0": (2048, 256),
            "diffusion_transformer.to_timestep_embed.2": (2048, 2048),
            "diffusion_transformer.preprocess_conv": (2304, 2304, 1),
            "diffusion_transformer.postprocess_conv": (128, 128, 1),
        },
        diffusers=("MiniMaxMusic3Transformer1DModel", {"num_layers": 2}),
    ),
)
