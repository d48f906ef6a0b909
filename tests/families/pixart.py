"""PixArt."""

from comfy.utils import pixart_to_diffusers

from families.twin import T, Twin, Weights, noise
from families.variant import Published, Tiny


def pixart(weights: Weights) -> Weights:
    """By ComfyUI's own map: diffusers has no converter for it."""
    found = {}
    for key, place in pixart_to_diffusers({"depth": 2, "hidden_size": 64}).items():
        native, (_, start, length) = (place, (0, 0, None)) if isinstance(place, str) else place
        if native in weights and key != "caption_projection.y_embedding":
            found[key] = weights[native] if length is None else weights[native][start : start + length]
    return found


VARIANTS = (
    Tiny(
        "pixart_sigma",
        family="PixArt",
        of="PixArtSigma",
        config={
            "image_model": "pixart_sigma",
            "num_heads": 2,
            "patch_size": 2,
            "hidden_size": 64,
            "in_channels": 4,
            "depth": 2,
            "model_max_length": 6,
            "input_size": 128,
            "pe_interpolation": 2,
            "micro_condition": False,
            "caption_channels": 48,
        },
        x=[2, 4, 64, 64],
        sigma=1.5,
        call={"c_crossattn": [2, 6, 48]},
        targets="""
        blocks.{0,1}.attn.qkv[0:64,64:128,128:192] blocks.{0,1}.attn.proj x_embedder.proj
        final_layer.linear t_embedder.mlp.{0,2}
        """,
        diffusers=("PixArtTransformer2DModel", {"num_layers": 2}),
        twin=Twin(
            "PixArtTransformer2DModel",
            {
                "num_attention_heads": 2,
                "attention_head_dim": 32,
                "num_layers": 2,
                "cross_attention_dim": 64,
                "caption_channels": 48,
                "interpolation_scale": 2,
                "use_additional_conditions": False,
            },
            "",
            {
                "hidden_states": noise(2, 4, 16, 16),
                "encoder_hidden_states": noise(2, 6, 48),
                "timestep": T,
                "added_cond_kwargs": {"resolution": None, "aspect_ratio": None},
            },
            pixart,
        ),
    ),
    Published(
        "pixart_alpha",
        family="PixArt",
        of="PixArtAlpha",
        config={
            "image_model": "pixart_alpha",
            "num_heads": 16,
            "patch_size": 2,
            "hidden_size": 1152,
            "in_channels": 4,
            "depth": 28,
            "model_max_length": 120,
            "micro_condition": True,
            "input_size": 128,
            "pe_interpolation": 2,
        },
        targets="""
        blocks.{0..27}.attn.qkv[0:1152,1152:2304,2304:3456] blocks.{0..27}.attn.proj x_embedder.proj
        final_layer.linear t_embedder.mlp.{0,2}
        """,
    ),
)
