"""HunyuanVideo 1.0 and 1.5, and HunyuanImage 2.1 with its refiner."""

from dataclasses import replace

from ..family import (
    MIXED_OUT,
    MODULATION,
    POOLED,
    SHARED,
    TEXT,
    Family,
    Layers,
    mlp_after_qkv,
    qkv_before_mlp,
    thirds,
)

REFINER = "txt_in.individual_token_refiner.blocks.*"
REFINER_BLOCKS = "context_embedder.token_refiner.refiner_blocks.*"

VIDEO = Family(
    name="HunyuanVideo",
    recognised_by=(
        "supported_models.HunyuanVideo",
        "model_base.HunyuanVideo",
        "hunyuan_video.model.HunyuanVideo",
    ),
    attention=(
        Layers("double_blocks.*.img_attn.qkv", "transformer_blocks.*.attn.{to_q,to_k,to_v}", thirds),
        Layers("double_blocks.*.img_attn.proj", "transformer_blocks.*.attn.to_out.0"),
        Layers("single_blocks.*.linear1", "single_transformer_blocks.*.attn.{to_q,to_k,to_v}", qkv_before_mlp),
    ),
    inputs=(Layers("img_in.proj", "x_embedder.proj"),),
    outputs=(Layers("final_layer.linear", "proj_out"),),
    time=(Layers("time_in.{in_layer,out_layer}", "time_text_embed.timestep_embedder.{linear_1,linear_2}"),),
    other_attention=(
        Layers(
            "double_blocks.*.txt_attn.qkv",
            "transformer_blocks.*.attn.{add_q_proj,add_k_proj,add_v_proj}",
            thirds,
        ),
        Layers("double_blocks.*.txt_attn.proj", "transformer_blocks.*.attn.to_add_out"),
    ),
    mlp=(
        Layers("double_blocks.*.img_mlp.{0,2}", "transformer_blocks.*.ff.{net.0.proj,net.2}"),
        Layers("single_blocks.*.linear1", "single_transformer_blocks.*.proj_mlp", mlp_after_qkv),
    ),
    skipped=(
        ("txt_in.**", TEXT),
        ("double_blocks.*.txt_**", TEXT),
        ("byt5_in.**", TEXT),
        ("double_blocks.*.img_mod.**", MODULATION),
        ("single_blocks.*.modulation.**", MODULATION),
        ("final_layer.adaLN_modulation.**", MODULATION),
        ("single_blocks.*.linear2", MIXED_OUT),
        ("{vector_in,guidance_in,time_r_in}.**", POOLED),
        ("vision_in.**", "sees reference pictures only"),
    ),
    elsewhere=(
        Layers("vector_in.{in_layer,out_layer}", "time_text_embed.text_embedder.{linear_1,linear_2}"),
        Layers("guidance_in.{in_layer,out_layer}", "time_text_embed.guidance_embedder.{linear_1,linear_2}"),
        Layers("txt_in.input_embedder", "context_embedder.proj_in"),
        Layers(
            "txt_in.{t_embedder,c_embedder}.{in_layer,out_layer}",
            "context_embedder.time_text_embed.{timestep_embedder,text_embedder}.{linear_1,linear_2}",
        ),
        Layers(f"{REFINER}.self_attn.qkv", f"{REFINER_BLOCKS}.attn.{{to_q,to_k,to_v}}", thirds),
        Layers(f"{REFINER}.self_attn.proj", f"{REFINER_BLOCKS}.attn.to_out.0"),
        Layers(f"{REFINER}.mlp.{{0,2}}", f"{REFINER_BLOCKS}.ff.{{net.0.proj,net.2}}"),
        Layers(f"{REFINER}.adaLN_modulation.1", f"{REFINER_BLOCKS}.norm_out.linear"),
        Layers("double_blocks.*.img_mod.lin", "transformer_blocks.*.norm1.linear"),
        Layers("double_blocks.*.txt_mod.lin", "transformer_blocks.*.norm1_context.linear"),
        Layers("double_blocks.*.txt_mlp.{0,2}", "transformer_blocks.*.ff_context.{net.0.proj,net.2}"),
        Layers("single_blocks.*.modulation.lin", "single_transformer_blocks.*.norm.linear"),
        Layers("single_blocks.*.linear2", "single_transformer_blocks.*.proj_out"),
        Layers("final_layer.adaLN_modulation.1", "norm_out.linear", swapped=True),
    ),
    caveats=(SHARED,),
    literal="the general list also takes the text refiner's input (context_embedder.proj_in) and linear2.",
)
VIDEO_15 = replace(
    VIDEO,
    name="HunyuanVideo 1.5",
    recognised_by=(
        "supported_models.HunyuanVideo15",
        "supported_models.HunyuanVideo15_SR_Distilled",
        "model_base.HunyuanVideo15",
    ),
    time=(Layers("time_in.{in_layer,out_layer}", "time_embed.timestep_embedder.{linear_1,linear_2}"),),
    caveats=(),
    literal="the general list takes only proj_out and the text refiner's input; here what the rule means.",
)
IMAGE = replace(
    VIDEO,
    name="HunyuanImage",
    recognised_by=(
        "supported_models.HunyuanImage21",
        "supported_models.HunyuanImage21Refiner",
        "model_base.HunyuanImage21",
    ),
    time=(Layers("time_in.{in_layer,out_layer}", "time_guidance_embed.timestep_embedder.{linear_1,linear_2}"),),
)
FAMILIES = (VIDEO, VIDEO_15, IMAGE)
