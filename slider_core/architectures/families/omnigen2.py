"""OmniGen2, and Boogu-Image, which adds blocks with two streams to its network."""

from ..family import MODULATION, SHARED, TEXT, Family, Layers

QKVO = "{to_q,to_k,to_v,to_out.0}"
MLP = "{linear_1,linear_2,linear_3}"
REFINERS = ("noise_refiner", "ref_image_refiner")
SKIPPED = (
    ("context_refiner.**", TEXT),
    ("time_caption_embed.caption_embedder.**", TEXT),
    ("**.{norm1,img_norm1,img_norm2,img_norm3,instruct_norm1,instruct_norm2}.linear", MODULATION),
    ("norm_out.linear_1", MODULATION),
)
TIME = (Layers("time_caption_embed.timestep_embedder.{linear_1,linear_2}"),)
INPUTS = (Layers("{x_embedder,ref_image_patch_embedder}"),)
OUTPUTS = (Layers("norm_out.linear_2"),)

OMNIGEN2 = Family(
    name="OmniGen2",
    recognised_by=(
        "supported_models.Omnigen2",
        "model_base.Omnigen2",
        "omnigen.omnigen2.OmniGen2Transformer2DModel",
    ),
    attention=tuple(Layers(f"{blocks}.*.attn.{QKVO}") for blocks in (*REFINERS, "layers")),
    inputs=INPUTS,
    outputs=OUTPUTS,
    time=TIME,
    other_attention=(Layers(f"context_refiner.*.attn.{QKVO}"),),
    mlp=tuple(Layers(f"{blocks}.*.feed_forward.{MLP}") for blocks in (*REFINERS, "layers")),
    skipped=SKIPPED,
    caveats=(SHARED,),
)
TWO = "double_stream_layers.*"
BOOGU = Family(
    name="Boogu-Image",
    recognised_by=("supported_models.Boogu", "model_base.Boogu", "boogu.model.BooguTransformer2DModel"),
    attention=(
        *(Layers(f"{blocks}.*.attn.{QKVO}") for blocks in (*REFINERS, "single_stream_layers")),
        Layers(f"{TWO}.img_instruct_attn.processor.{{img_to_q,img_to_k,img_to_v,img_out}}"),
        Layers(f"{TWO}.img_self_attn.{QKVO}"),
    ),
    inputs=INPUTS,
    outputs=OUTPUTS,
    time=TIME,
    other_attention=(
        Layers(f"{TWO}.img_instruct_attn.to_out.0"),
        Layers(f"{TWO}.img_instruct_attn.processor.{{instruct_to_q,instruct_to_k,instruct_to_v,instruct_out}}"),
        Layers(f"context_refiner.*.attn.{QKVO}"),
    ),
    mlp=(
        *(Layers(f"{blocks}.*.feed_forward.{MLP}") for blocks in (*REFINERS, "single_stream_layers")),
        Layers(f"{TWO}.img_feed_forward.{MLP}"),
    ),
    skipped=(
        (
            f"{TWO}.img_instruct_attn.to_out.0",
            "text and picture share it in blocks that keep them apart elsewhere",
        ),
        ("**.{instruct_to_q,instruct_to_k,instruct_to_v,instruct_out}", TEXT),
        ("**.instruct_feed_forward.**", TEXT),
        *SKIPPED,
    ),
    caveats=(SHARED,),
)
FAMILIES = (OMNIGEN2, BOOGU)
