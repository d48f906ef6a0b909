"""Flux.2 (dev, klein)."""

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
    qkv_as_one,
    thirds,
)

FAMILIES = (
    Family(
        name="Flux.2",
        recognised_by=("supported_models.Flux2", "model_base.Flux2"),
        attention=(
            Layers("double_blocks.*.img_attn.qkv", "transformer_blocks.*.attn.{to_q,to_k,to_v}", thirds),
            Layers("double_blocks.*.img_attn.proj", "transformer_blocks.*.attn.to_out.0"),
            Layers(
                "single_blocks.*.linear1",
                "single_transformer_blocks.*.attn.to_qkv_mlp_proj",
                qkv_as_one,
                part="_qkv",
            ),
        ),
        inputs=(Layers("img_in", "x_embedder"),),
        outputs=(Layers("final_layer.linear", "proj_out"),),
        time=(
            Layers("time_in.{in_layer,out_layer}", "time_guidance_embed.timestep_embedder.{linear_1,linear_2}"),
        ),
        other_attention=(
            Layers(
                "double_blocks.*.txt_attn.qkv",
                "transformer_blocks.*.attn.{add_q_proj,add_k_proj,add_v_proj}",
                thirds,
            ),
            Layers("double_blocks.*.txt_attn.proj", "transformer_blocks.*.attn.to_add_out"),
        ),
        mlp=(
            Layers("double_blocks.*.img_mlp.{0,2}", "transformer_blocks.*.ff.{linear_in,linear_out}"),
            Layers("single_blocks.*.linear1", "", mlp_after_qkv),
        ),
        attention_only=VISUAL_ATTENTION_ONLY,
        skipped=(
            ("txt_in", TEXT),
            ("double_blocks.*.txt_**", TEXT),
            (
                "{double_stream_modulation_img,double_stream_modulation_txt,single_stream_modulation}.**",
                MODULATION,
            ),
            ("final_layer.adaLN_modulation.**", MODULATION),
            ("single_blocks.*.linear2", MIXED_OUT),
            ("guidance_in.**", POOLED),
        ),
        elsewhere=(
            Layers("txt_in", "context_embedder"),
            Layers(
                "guidance_in.{in_layer,out_layer}", "time_guidance_embed.guidance_embedder.{linear_1,linear_2}"
            ),
            Layers("double_blocks.*.txt_mlp.{0,2}", "transformer_blocks.*.ff_context.{linear_in,linear_out}"),
            Layers("single_blocks.*.linear2", "single_transformer_blocks.*.attn.to_out"),
            Layers("double_stream_modulation_img.lin", "double_stream_modulation_img.linear"),
            Layers("double_stream_modulation_txt.lin", "double_stream_modulation_txt.linear"),
            Layers("single_stream_modulation.lin", "single_stream_modulation.linear"),
        ),
        classes=(
            ("Flux2Attention", "double_blocks.*.{img_attn,txt_attn}.{qkv,proj}"),
            ("Flux2FeedForward", "double_blocks.*.{img_mlp,txt_mlp}.{0,2}"),
            ("Flux2ParallelSelfAttention", "single_blocks.*.{linear1,linear2}"),
            ("Flux2TransformerBlock", "double_blocks.**"),
            ("Flux2SingleTransformerBlock", "single_blocks.**"),
            ("Flux2Transformer2DModel", "**"),
        ),
        caveats=(SHARED,),
        literal="attn.to_qkv_mlp_proj also takes the MLP rows of the single blocks; here only q, k and v.",
    ),
)
