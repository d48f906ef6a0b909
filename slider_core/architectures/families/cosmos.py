"""Cosmos Predict1 and Predict2, and Anima, which has Predict2's network behind a text adapter of its own."""

from dataclasses import replace

from ..family import MODULATION, TEXT, Family, Layers

QKVO = "{to_q,to_k,to_v,to_out.0}"

PREDICT1 = Family(
    name="Cosmos Predict1",
    recognised_by=("supported_models.CosmosT2V", "model_base.CosmosVideo", "cosmos.model.GeneralDIT"),
    attention=(
        Layers(
            "blocks.block*.blocks.0.block.attn.{to_q.0,to_k.0,to_v.0,to_out.0}",
            f"transformer_blocks.*.attn1.{QKVO}",
            batch_dim=-2,
        ),
    ),
    inputs=(Layers("x_embedder.proj.1", "patch_embed.proj"),),
    outputs=(Layers("final_layer.linear", "proj_out"),),
    time=(Layers("t_embedder.1.{linear_1,linear_2}", "time_embed.t_embedder.{linear_1,linear_2}"),),
    other_attention=(
        Layers(
            "blocks.block*.blocks.1.block.attn.{to_q.0,to_k.0,to_v.0,to_out.0}",
            f"transformer_blocks.*.attn2.{QKVO}",
            batch_dim=-2,
        ),
    ),
    mlp=(
        Layers(
            "blocks.block*.blocks.2.block.{layer1,layer2}",
            "transformer_blocks.*.ff.{net.0.proj,net.2}",
            batch_dim=-2,
        ),
    ),
    skipped=(
        ("**.adaLN_modulation.**", MODULATION),
        ("blocks.*.blocks.1.block.attn.**", TEXT),
    ),
)
PREDICT2 = Family(
    name="Cosmos Predict2",
    recognised_by=(
        "supported_models.CosmosT2IPredict2",
        "model_base.CosmosPredict2",
        "cosmos.predict2.MiniTrainDIT",
    ),
    attention=(
        Layers("blocks.*.self_attn.{q_proj,k_proj,v_proj,output_proj}", f"transformer_blocks.*.attn1.{QKVO}"),
    ),
    inputs=(Layers("x_embedder.proj.1", "patch_embed.proj"),),
    outputs=(Layers("final_layer.linear", "proj_out"),),
    time=(Layers("t_embedder.1.{linear_1,linear_2}", "time_embed.t_embedder.{linear_1,linear_2}"),),
    other_attention=(
        Layers("blocks.*.cross_attn.{q_proj,k_proj,v_proj,output_proj}", f"transformer_blocks.*.attn2.{QKVO}"),
    ),
    mlp=(Layers("blocks.*.mlp.{layer1,layer2}", "transformer_blocks.*.ff.{net.0.proj,net.2}"),),
    skipped=(
        (
            "blocks.*.{adaln_modulation_self_attn,adaln_modulation_cross_attn,adaln_modulation_mlp}.**",
            MODULATION,
        ),
        ("final_layer.adaln_modulation.**", MODULATION),
        ("blocks.*.cross_attn.**", TEXT),
    ),
    elsewhere=(
        Layers(
            "blocks.*.{adaln_modulation_self_attn,adaln_modulation_cross_attn,adaln_modulation_mlp}.{1,2}",
            "transformer_blocks.*.{norm1,norm2,norm3}.{linear_1,linear_2}",
        ),
        Layers("final_layer.adaln_modulation.{1,2}", "norm_out.{linear_1,linear_2}"),
    ),
)


def _in_core(layers: tuple[Layers, ...]) -> tuple[Layers, ...]:
    """SimpleTuner, the only other trainer of Anima, wraps the transformer as `core`."""
    return tuple(replace(each, diffusers=f"core.{each.diffusers}") for each in layers)


ANIMA = replace(
    PREDICT2,
    name="Anima",
    recognised_by=("supported_models.Anima", "model_base.Anima", "anima.model.Anima"),
    attention=_in_core(PREDICT2.attention),
    inputs=_in_core(PREDICT2.inputs),
    outputs=_in_core(PREDICT2.outputs),
    time=_in_core(PREDICT2.time),
    other_attention=_in_core(PREDICT2.other_attention),
    mlp=_in_core(PREDICT2.mlp),
    elsewhere=_in_core(PREDICT2.elsewhere),
    skipped=(*PREDICT2.skipped, ("llm_adapter.**", TEXT)),
)
FAMILIES = (PREDICT1, PREDICT2, ANIMA)
