"""Flux.1 (dev, schnell, Kontext, inpaint), LongCat-Image, which has its network, and Flux ControlNets."""

from dataclasses import replace

from ..family import (
    MIXED_OUT,
    MODULATION,
    POOLED,
    SHARED,
    TEXT,
    VISUAL_ATTENTION_ONLY,
    Family,
    Layers,
    mlp_after_qkv,
    qkv_before_mlp,
    thirds,
)

ATTENTION = (
    Layers("double_blocks.*.img_attn.qkv", "transformer_blocks.*.attn.{to_q,to_k,to_v}", thirds),
    Layers("double_blocks.*.img_attn.proj", "transformer_blocks.*.attn.to_out.0"),
    Layers("single_blocks.*.linear1", "single_transformer_blocks.*.attn.{to_q,to_k,to_v}", qkv_before_mlp),
)
TEXT_ATTENTION = (
    Layers(
        "double_blocks.*.txt_attn.qkv", "transformer_blocks.*.attn.{add_q_proj,add_k_proj,add_v_proj}", thirds
    ),
    Layers("double_blocks.*.txt_attn.proj", "transformer_blocks.*.attn.to_add_out"),
)
MLP = (
    Layers("double_blocks.*.img_mlp.{0,2}", "transformer_blocks.*.{ff.net.0.proj,ff.net.2}"),
    Layers("double_blocks.*.img_mlp.{gate_proj,up_proj,down_proj}"),
    Layers("single_blocks.*.linear1", "single_transformer_blocks.*.proj_mlp", mlp_after_qkv),
)
TIME = (Layers("time_in.{in_layer,out_layer}", "time_text_embed.timestep_embedder.{linear_1,linear_2}"),)
SKIPPED = (
    ("txt_in", TEXT),
    ("double_blocks.*.txt_**", TEXT),
    ("double_blocks.*.img_mod.**", MODULATION),
    ("single_blocks.*.modulation.**", MODULATION),
    ("final_layer.adaLN_modulation.**", MODULATION),
    ("single_blocks.*.linear2", MIXED_OUT),
    ("{vector_in,guidance_in}.**", POOLED),
)
FLUX = Family(
    name="Flux",
    recognised_by=("supported_models.Flux", "model_base.Flux", "flux.model.Flux"),
    modelspec=(("Flux", "flux-1-dev"), ("FluxSchnell", "flux-1-schnell")),
    attention=ATTENTION,
    inputs=(Layers("img_in", "x_embedder"),),
    outputs=(Layers("final_layer.linear", "proj_out"),),
    time=TIME,
    other_attention=TEXT_ATTENTION,
    mlp=MLP,
    attention_only=VISUAL_ATTENTION_ONLY,
    skipped=SKIPPED,
    caveats=(SHARED,),
)
LONGCAT = replace(
    FLUX,
    name="LongCat-Image",
    recognised_by=("supported_models.LongCatImage", "model_base.LongCatImage"),
    time=(Layers("time_in.{in_layer,out_layer}", "time_embed.timestep_embedder.{linear_1,linear_2}"),),
    attention_only="",
    classes=(
        ("LongCatImageTransformerBlock", "double_blocks.**"),
        ("LongCatImageSingleTransformerBlock", "single_blocks.**"),
        ("LongCatImageTransformer2DModel", "**"),
    ),
)
CONTROL = replace(
    FLUX,
    name="Flux ControlNet",
    recognised_by=("flux.controlnet.ControlNetFlux",),
    outputs=(),
    skipped=(
        *SKIPPED,
        ("pos_embed_input", "the control picture's own way in"),
        ("{input_hint_block,input_cond_block}.**", "the control picture's own way in"),
        ("{controlnet_blocks,controlnet_single_blocks}.**", "carries the control over to the base model"),
    ),
    control=("Flux",),
)
FAMILIES = (FLUX, LONGCAT, CONTROL)
