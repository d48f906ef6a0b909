"""CogVideoX (text to video, image to video, inpainting)."""

from ..family import MODULATION, SHARED, TEXT, Family, Layers

FAMILIES = (
    Family(
        name="CogVideoX",
        recognised_by=(
            "supported_models.CogVideoX_T2V",
            "model_base.CogVideoX",
            "cogvideo.model.CogVideoXTransformer3DModel",
        ),
        attention=(
            Layers("blocks.*.{q,k,v,attn_out}", "transformer_blocks.*.attn1.{to_q,to_k,to_v,to_out.0}"),
        ),
        inputs=(Layers("patch_embed.proj", "patch_embed.proj"),),
        outputs=(Layers("proj_out", "proj_out"),),
        time=(
            Layers("{time_embedding_linear_1,time_embedding_linear_2}", "time_embedding.{linear_1,linear_2}"),
        ),
        mlp=(Layers("blocks.*.{ff_proj,ff_out}", "transformer_blocks.*.ff.{net.0.proj,net.2}"),),
        skipped=(
            ("{blocks.*.norm1.linear,blocks.*.norm2.linear,norm_out.linear}", MODULATION),
            ("patch_embed.text_proj", TEXT),
            ("{ofs_embedding_linear_1,ofs_embedding_linear_2}", "embeds the offset of the first frame"),
        ),
        caveats=(SHARED,),
    ),
)
