"""The UNets: SD1.x, SD2.x, SDXL with its refiner and its distilled relatives, SVD, and their ControlNets."""

from dataclasses import replace

from torch import nn

from ..family import POOLED, TEXT, Family, Layers
from ._unet_names import diffusers_names

BLOCKS = ("input_blocks.*.1", "middle_block.1", "output_blocks.*.1")
STACKS = ("transformer_blocks", "time_stack")
QKVO = "{to_q,to_k,to_v,to_out.0}"


def attends_to_itself(network: nn.Module, layer: str) -> bool:
    """Whether `attn1` of a transformer block is self-attention; in the ×4 upscaler's most it reads the text."""
    block = network.get_submodule(layer.rpartition(".attn1.")[0])
    return not getattr(block, "disable_self_attn", False)


def reads_text(network: nn.Module, layer: str) -> bool:
    return not attends_to_itself(network, layer)


UNET = Family(
    name="UNet",
    recognised_by=("modules.diffusionmodules.openaimodel.UNetModel",),
    attention=tuple(
        Layers(f"{block}.{stack}.*.attn1.{QKVO}", only=attends_to_itself)
        for block in BLOCKS
        for stack in STACKS
    ),
    inputs=(Layers("input_blocks.0.0"), *(Layers(f"{block}.proj_in") for block in BLOCKS)),
    outputs=(Layers("out.2"), *(Layers(f"{block}.proj_out") for block in BLOCKS)),
    time=(Layers("time_embed.{0,2}"),),
    other_attention=(
        *(Layers(f"{block}.{stack}.*.attn2.{QKVO}") for block in BLOCKS for stack in STACKS),
        *(Layers(f"{block}.{stack}.*.attn1.{QKVO}", only=reads_text) for block in BLOCKS for stack in STACKS),
    ),
    mlp=tuple(
        Layers(f"{block}.{stack}.*.{ff}.net.{{0.proj,2}}")
        for block in BLOCKS
        for stack in STACKS
        for ff in ("ff", "ff_in")
    ),
    skipped=(
        ("**.attn2.**", TEXT),
        ("**.attn1.**", "cross-attention to the text in this model"),
        ("label_emb.**", POOLED),
        ("**.emb_layers.**", "takes the time embedding into a convolution block"),
        ("**.{in_layers,out_layers}.**", "convolution within a block"),
        ("**.{skip_connection,op,conv}", "convolution between blocks"),
        ("**.time_pos_embed.**", "embeds the frame's number"),
    ),
    names=diffusers_names,
    classes=(
        (
            "Transformer2DModel",
            "{input_blocks.*.1,middle_block.1,output_blocks.*.1}.{proj_in,proj_out,transformer_blocks.**}",
        ),
        (
            "ResnetBlock2D",
            "{input_blocks.*.0,middle_block.0,middle_block.2,output_blocks.*.0}."
            "{in_layers.*,out_layers.*,emb_layers.*,skip_connection}",
        ),
        ("Downsample2D", "input_blocks.*.0.op"),
        ("Upsample2D", "output_blocks.*.{1,2}.conv"),
        ("UNet2DConditionModel", "**"),
    ),
    component="unet",
    layer_names="diffusion_model.{input_blocks,middle_block,output_blocks,time_embed,label_emb,out}.**",
    kohya_names="down_blocks.0.attentions.**",
    opened=("modules.attention.SpatialTransformer",),
)
SD1 = replace(
    UNET,
    name="SD1.x",
    recognised_by=("supported_models.SD15", "supported_models.Stable_Zero123"),
    modelspec=(("SD15", "stable-diffusion-v1"),),
    webui="SD1",
)
SD2 = replace(
    UNET,
    name="SD2.x",
    recognised_by=("supported_models.SD20", "model_base.SD21UNCLIP"),
    modelspec=(("SD20", "stable-diffusion-v2-512"), ("SD21UnclipL", "stable-diffusion-v2-unclip-l")),
    webui="SD2",
)
SDXL = replace(
    UNET,
    name="SDXL",
    recognised_by=("supported_models.SDXL", "supported_models.SDXLRefiner", "model_base.SDXL"),
    modelspec=(("SDXL", "stable-diffusion-xl-v1-base"),),
    webui="SDXL",
)
SVD = replace(
    UNET,
    name="SVD",
    recognised_by=("supported_models.SVD_img2vid", "model_base.SVD_img2vid"),
    skipped=(("**.attn2.**", "cross-attention to the picture that the video starts from"), *UNET.skipped),
    caveats=("Frames are rows of the batch: give all frames of a video the same strength.",),
)
CONTROL = replace(
    UNET,
    name="UNet ControlNet",
    recognised_by=("cldm.cldm.ControlNet",),
    inputs=(*UNET.inputs, Layers("input_hint_block.0")),
    outputs=(*UNET.outputs, Layers("input_hint_block.14")),
    skipped=(
        ("input_hint_block.**", "convolution within the control picture's way in"),
        ("{zero_convs,middle_block_out}.**", "carries the control over to the base model"),
        ("{transformer_layes,spatial_ch_projs,control_add_embedding}.**", "chooses among the kinds of control"),
        *UNET.skipped,
    ),
    control=("SD1.x", "SD2.x", "SDXL"),
)
FAMILIES = (UNET, SD1, SD2, SDXL, SVD, CONTROL)
