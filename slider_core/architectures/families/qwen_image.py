"""Qwen-Image, -Edit and -Layered, their ControlNets, Mage-Flow, which has its blocks, and Qwen-Image 2.1."""

from dataclasses import replace

from ..family import MODULATION, SHARED, TEXT, Family, Layers, halves


def attention_of(block: str) -> tuple[Layers, ...]:
    own = f"{block}.attn.{{to_q,to_k,to_v,to_out.0}}"
    return (Layers(own, own),)


def text_attention_of(block: str) -> tuple[Layers, ...]:
    text = f"{block}.attn.{{add_q_proj,add_k_proj,add_v_proj,to_add_out}}"
    return (Layers(text, text),)


def mlp_of(block: str) -> tuple[Layers, ...]:
    own = f"{block}.img_mlp.{{net.0.proj,net.2}}"
    return (Layers(own, own),)


BLOCK = "transformer_blocks.*"
TIME = "time_text_embed.timestep_embedder.{linear_1,linear_2}"

QWEN_IMAGE = Family(
    name="Qwen-Image",
    recognised_by=(
        "supported_models.QwenImage",
        "model_base.QwenImage",
        "qwen_image.model.QwenImageTransformer2DModel",
    ),
    attention=attention_of(BLOCK),
    inputs=(Layers("img_in", "img_in"),),
    outputs=(Layers("proj_out", "proj_out"),),
    time=(Layers(TIME, TIME),),
    other_attention=text_attention_of(BLOCK),
    mlp=mlp_of(BLOCK),
    skipped=(
        ("*.*.{img_mod,txt_mod}.**", MODULATION),
        ("norm_out.**", MODULATION),
        ("txt_in", TEXT),
        ("*.*.txt_mlp.**", TEXT),
        ("*.*.attn.{add_q_proj,add_k_proj,add_v_proj,to_add_out}", TEXT),
    ),
    classes=(("FeedForward", f"{BLOCK}.{{img_mlp,txt_mlp}}.net.{{0.proj,2}}"),),
    literal="the general list names only proj_out here; here what the rule means.",
)
QWEN_IMAGE_21 = Family(
    name="Qwen-Image 2.1",
    recognised_by=(
        "supported_models.QwenImage21",
        "model_base.QwenImage21",
        "qwen_image21.model.QwenImage21Transformer2DModel",
    ),
    attention=attention_of(BLOCK),
    inputs=(Layers("img_in", "img_in"),),
    outputs=(Layers("proj_out", "proj_out"),),
    mlp=(
        Layers(f"{BLOCK}.img_mlp.gate_up", f"{BLOCK}.img_mlp.{{gate_layer,proj}}", halves),
        Layers(f"{BLOCK}.img_mlp.{{gate_layer,proj,out}}", f"{BLOCK}.img_mlp.{{gate_layer,proj,out}}"),
    ),
    skipped=(
        (
            TIME,
            "sees the time of the prompt beside those of the batch: rows cannot have strengths of their own there",
        ),
        ("{modulation.1,norm_out.linear}", MODULATION),
        ("txt_in.{in_layer,out_layer}", TEXT),
    ),
    caveats=(
        SHARED,
        "The node QwenImage21Cache keeps what the prompt came to, at the strength of the first step: do without it "
        "where the strength changes.",
    ),
)
MAGE_FLOW = replace(
    QWEN_IMAGE,
    name="Mage-Flow",
    recognised_by=(
        "supported_models.MageFlow",
        "model_base.MageFlow",
        "mage_flow.model.MageFlowTransformer2DModel",
    ),
    literal="",
)
CONTROL_SKIPPED = (
    *QWEN_IMAGE.skipped,
    ("{controlnet_x_embedder,control_img_in}", "the control picture's own way in"),
    ("controlnet_blocks.**", "carries the control over to the base model"),
    ("control_blocks.*.{before_proj,after_proj}", "carries the control over to the base model"),
)
CONTROL = replace(
    QWEN_IMAGE,
    name="Qwen-Image ControlNet",
    recognised_by=("qwen_image.controlnet.QwenImageControlNetModel",),
    outputs=(),
    skipped=CONTROL_SKIPPED,
    literal="",
    control=("Qwen-Image",),
)
FUN_CONTROL = Family(
    name="Qwen-Image Fun ControlNet",
    recognised_by=("qwen_image.controlnet.QwenImageFunControlNetModel",),
    attention=attention_of("control_blocks.*"),
    other_attention=text_attention_of("control_blocks.*"),
    mlp=mlp_of("control_blocks.*"),
    skipped=CONTROL_SKIPPED,
    control=("Qwen-Image",),
)
FAMILIES = (QWEN_IMAGE, QWEN_IMAGE_21, MAGE_FLOW, CONTROL, FUN_CONTROL)
