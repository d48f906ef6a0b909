"""ACE-Step 1.0 and 1.5 (music): what is said of the picture elsewhere holds for the sound here."""

from ..family import MODULATION, TEXT, Family, Layers

QKVO = "{to_q,to_k,to_v,to_out.0}"
CONDITION = "takes in lyrics, singer or style"


def same(native: str) -> Layers:
    """diffusers-style names are the same."""
    return Layers(native, native)


V1 = Family(
    name="ACE-Step",
    recognised_by=("supported_models.ACEStep", "model_base.ACEStep", "ace.model.ACEStepTransformer2DModel"),
    attention=(same(f"transformer_blocks.*.attn.{QKVO}"),),
    inputs=(same("proj_in.early_conv_layers.*"),),
    outputs=(same("final_layer.linear"),),
    time=(same("timestep_embedder.{linear_1,linear_2}"),),
    other_attention=(
        same(f"transformer_blocks.*.cross_attn.{QKVO}"),
        same("transformer_blocks.*.cross_attn.{add_q_proj,add_k_proj,add_v_proj,to_add_out}"),
    ),
    mlp=(same("transformer_blocks.*.ff.{inverted_conv.conv,depth_conv.conv,point_conv.conv}"),),
    skipped=(
        ("t_block.**", MODULATION),
        ("transformer_blocks.*.cross_attn.**", TEXT),
        ("{lyric_encoder.**,lyric_proj}", TEXT),
        ("{speaker_embedder,genre_embedder}", CONDITION),
        ("projectors.**", "used in the model's own training only"),
    ),
    literal="the general list's proj_in names no layer here, so PEFT fails; here what the rule means.",
)
V15 = Family(
    name="ACE-Step 1.5",
    recognised_by=(
        "supported_models.ACEStep15",
        "model_base.ACEStep15",
        "ace.ace_step15.AceStepConditionGenerationModel",
    ),
    attention=(Layers("decoder.layers.*.self_attn.{q_proj,k_proj,v_proj,o_proj}"),),
    inputs=(Layers("decoder.proj_in.*"),),
    time=(Layers("decoder.time_embed.{linear_1,linear_2}"),),
    other_attention=(Layers("decoder.layers.*.cross_attn.{q_proj,k_proj,v_proj,o_proj}"),),
    mlp=(Layers("decoder.layers.*.mlp.{gate_proj,up_proj,down_proj}"),),
    skipped=(
        ("decoder.{time_embed,time_embed_r}.time_proj", MODULATION),
        ("decoder.time_embed_r.**", "embeds the second time of its distillation"),
        ("{decoder.condition_embedder,decoder.layers.*.cross_attn.**}", TEXT),
        ("encoder.**", CONDITION),
        ("{tokenizer,detokenizer}.**", "turns sound into tokens and back"),
    ),
    caveats=("In a batch ComfyUI gives the timbre of all samples to the first.",),
)
FAMILIES = (V1, V15)
