"""HunyuanDiT and its ControlNet."""

from dataclasses import replace

from ..family import MODULATION, POOLED, TEXT, Family, Layers, halves, thirds

DIT = Family(
    name="HunyuanDiT",
    recognised_by=("supported_models.HunyuanDiT", "model_base.HunyuanDiT", "hydit.models.HunYuanDiT"),
    attention=(
        Layers("blocks.*.attn1.Wqkv", "blocks.*.attn1.{to_q,to_k,to_v}", thirds),
        Layers("blocks.*.attn1.out_proj", "blocks.*.attn1.to_out.0"),
    ),
    inputs=(Layers("x_embedder.proj", "pos_embed.proj"),),
    outputs=(Layers("final_layer.linear", "proj_out"),),
    time=(Layers("t_embedder.mlp.{0,2}", "time_extra_emb.timestep_embedder.{linear_1,linear_2}"),),
    other_attention=(
        Layers("blocks.*.attn2.{q_proj,out_proj}", "blocks.*.attn2.{to_q,to_out.0}"),
        Layers("blocks.*.attn2.kv_proj", "blocks.*.attn2.{to_k,to_v}", halves),
    ),
    mlp=(Layers("blocks.*.mlp.{fc1,fc2}", "blocks.*.ff.{net.0.proj,net.2}"),),
    skipped=(
        ("**.{default_modulation,adaLN_modulation}.**", MODULATION),
        ("blocks.*.attn2.**", TEXT),
        ("{mlp_t5,pooler}.**", TEXT),
        ("extra_embedder.**", POOLED),
        ("blocks.*.skip_linear", "joins the skip connection"),
    ),
)
CONTROL = replace(
    DIT,
    name="HunyuanDiT ControlNet",
    recognised_by=("hydit.controlnet.HunYuanControlNet",),
    outputs=(),
    skipped=(*DIT.skipped, ("{before_proj,after_proj_list.*}", "carries the control over to the base model")),
    control=("HunyuanDiT",),
)
FAMILIES = (DIT, CONTROL)
