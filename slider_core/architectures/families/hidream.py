"""HiDream-I1 and HiDream-O1."""

from ..family import MODULATION, POOLED, SHARED, TEXT, Family, Layers

BLOCKS = ("double_stream_blocks.*.block", "single_stream_blocks.*.block")
EXPERTS = "sees tokens sorted by expert: rows of a batch cannot have strengths of their own there"


def same(native: str) -> Layers:
    """diffusers has the same names."""
    return Layers(native, native)


I1 = Family(
    name="HiDream",
    recognised_by=(
        "supported_models.HiDream",
        "model_base.HiDream",
        "hidream.model.HiDreamImageTransformer2DModel",
    ),
    attention=tuple(same(f"{block}.attn1.{{to_q,to_k,to_v,to_out}}") for block in BLOCKS),
    inputs=(same("x_embedder.proj"),),
    outputs=(same("final_layer.linear"),),
    time=(same("t_embedder.timestep_embedder.{linear_1,linear_2}"),),
    other_attention=(same("double_stream_blocks.*.block.attn1.{to_q_t,to_k_t,to_v_t,to_out_t}"),),
    mlp=tuple(same(f"{block}.ff_i.shared_experts.{{w1,w2,w3}}") for block in BLOCKS),
    skipped=(
        ("**.adaLN_modulation.**", MODULATION),
        ("**.attn1.{to_q_t,to_k_t,to_v_t,to_out_t}", TEXT),
        ("**.ff_t.**", TEXT),
        ("caption_projection.**", TEXT),
        ("**.ff_i.experts.**", EXPERTS),
        ("p_embedder.**", POOLED),
    ),
    caveats=(SHARED,),
    literal="the literal list has to_out.0, which HiDream calls to_out, so it misses the output projections.",
)
O1 = Family(
    name="HiDream-O1",
    recognised_by=(
        "supported_models.HiDreamO1",
        "model_base.HiDreamO1",
        "hidream_o1.model.HiDreamO1Transformer",
    ),
    attention=(Layers("language_model.layers.*.self_attn.{q_proj,k_proj,v_proj,o_proj}"),),
    inputs=(Layers("x_embedder.{proj1,proj2}"),),
    outputs=(Layers("final_layer2.linear"),),
    time=(Layers("t_embedder1.mlp.{0,2}"),),
    mlp=(Layers("language_model.layers.*.mlp.{gate_proj,up_proj,down_proj}"),),
    keeps=("_kv_cache_entries",),
    skipped=(("visual.**", "sees reference pictures only"),),
    caveats=(SHARED, "Works on pixels: there is no VAE between picture and model."),
)
FAMILIES = (I1, O1)
