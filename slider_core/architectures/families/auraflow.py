"""AuraFlow. `w1` is the text stream in double layers, and the joint stream in single layers."""

from ..family import MODULATION, SHARED, TEXT, VISUAL_ATTENTION_ONLY, Family, Layers

FAMILIES = (
    Family(
        name="AuraFlow",
        recognised_by=("supported_models.AuraFlow", "model_base.AuraFlow", "aura.mmdit.MMDiT"),
        attention=(
            Layers(
                "double_layers.*.attn.{w2q,w2k,w2v,w2o}",
                "joint_transformer_blocks.*.attn.{to_q,to_k,to_v,to_out.0}",
            ),
            Layers(
                "single_layers.*.attn.{w1q,w1k,w1v,w1o}",
                "single_transformer_blocks.*.attn.{to_q,to_k,to_v,to_out.0}",
            ),
        ),
        inputs=(Layers("init_x_linear", "pos_embed.proj"),),
        outputs=(Layers("final_linear", "proj_out"),),
        time=(Layers("t_embedder.mlp.{0,2}", "time_step_proj.{linear_1,linear_2}"),),
        other_attention=(
            Layers(
                "double_layers.*.attn.{w1q,w1k,w1v,w1o}",
                "joint_transformer_blocks.*.attn.{add_q_proj,add_k_proj,add_v_proj,to_add_out}",
            ),
        ),
        mlp=(
            Layers(
                "double_layers.*.mlpX.{c_fc1,c_fc2,c_proj}",
                "joint_transformer_blocks.*.ff.{linear_1,linear_2,out_projection}",
            ),
            Layers(
                "single_layers.*.mlp.{c_fc1,c_fc2,c_proj}",
                "single_transformer_blocks.*.ff.{linear_1,linear_2,out_projection}",
            ),
        ),
        attention_only=VISUAL_ATTENTION_ONLY,
        skipped=(
            ("cond_seq_linear", TEXT),
            ("double_layers.*.attn.{w1q,w1k,w1v,w1o}", TEXT),
            ("double_layers.*.mlpC.**", TEXT),
            ("**.{modC,modX,modCX}.**", MODULATION),
            ("modF.**", MODULATION),
        ),
        caveats=(SHARED,),
    ),
)
