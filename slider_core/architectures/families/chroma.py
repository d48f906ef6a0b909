"""Chroma and Chroma Radiance."""

from dataclasses import replace

from ..family import SHARED, Layers
from .flux import FLUX, SKIPPED

CHROMA = replace(
    FLUX,
    name="Chroma",
    recognised_by=("supported_models.Chroma", "model_base.Chroma", "chroma.model.Chroma"),
    time=(),
    skipped=(
        (
            "distilled_guidance_layer.**",
            "makes all modulations from time and guidance; there is no time embedding",
        ),
        *SKIPPED,
    ),
    elsewhere=(
        Layers("distilled_guidance_layer.{in_proj,out_proj}", "distilled_guidance_layer.{in_proj,out_proj}"),
        Layers(
            "distilled_guidance_layer.layers.*.{in_layer,out_layer}",
            "distilled_guidance_layer.layers.*.{linear_1,linear_2}",
        ),
    ),
)
RADIANCE = replace(
    CHROMA,
    name="Chroma Radiance",
    recognised_by=(
        "supported_models.ChromaRadiance",
        "model_base.ChromaRadiance",
        "chroma_radiance.model.ChromaRadiance",
    ),
    inputs=(Layers("img_in_patch"),),
    outputs=(Layers("nerf_final_layer.linear"), Layers("nerf_final_layer_conv.conv")),
    skipped=(
        ("{nerf_image_embedder,nerf_blocks}.**", "the pixel decoder, behind the transformer"),
        *CHROMA.skipped,
    ),
    caveats=(SHARED, "Works on pixels: there is no VAE between picture and model."),
)
FAMILIES = (CHROMA, RADIANCE)
