"""Mochi 1. `x` is the video stream, `y` the text stream."""

from ..family import MODULATION, TEXT, Family, Layers, thirds

FAMILIES = (
    Family(
        name="Mochi",
        recognised_by=(
            "supported_models.GenmoMochi",
            "model_base.GenmoMochi",
            "joint_model.asymm_models_joint.AsymmDiTJoint",
        ),
        attention=(
            Layers("blocks.*.attn.qkv_x", "transformer_blocks.*.attn1.{to_q,to_k,to_v}", thirds),
            Layers("blocks.*.attn.proj_x", "transformer_blocks.*.attn1.to_out.0"),
        ),
        inputs=(Layers("x_embedder.proj", "patch_embed.proj"),),
        outputs=(Layers("final_layer.linear", "proj_out"),),
        time=(Layers("t_embedder.mlp.{0,2}", "time_embed.timestep_embedder.{linear_1,linear_2}"),),
        other_attention=(
            Layers(
                "blocks.*.attn.qkv_y", "transformer_blocks.*.attn1.{add_q_proj,add_k_proj,add_v_proj}", thirds
            ),
            Layers("blocks.*.attn.proj_y", "transformer_blocks.*.attn1.to_add_out"),
        ),
        mlp=(Layers("blocks.*.mlp_x.{w1,w2}", "transformer_blocks.*.ff.{net.0.proj,net.2}"),),
        skipped=(
            ("{blocks.*.mod_x,blocks.*.mod_y,final_layer.mod}", MODULATION),
            ("blocks.*.{attn.qkv_y,attn.proj_y,mlp_y.w1,mlp_y.w2}", TEXT),
            ("{t5_y_embedder.**,t5_yproj}", TEXT),
        ),
    ),
)
