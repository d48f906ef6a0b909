"""SD3, SD3.5 medium and large, and their ControlNets."""

from dataclasses import replace

from ..family import MODULATION, POOLED, TEXT, Family, Layers, thirds

SD3 = Family(
    name="SD3",
    recognised_by=("supported_models.SD3", "model_base.SD3", "modules.diffusionmodules.mmdit.MMDiT"),
    modelspec=(("SD3", "stable-diffusion-3-medium"),),
    attention=(
        Layers("joint_blocks.*.x_block.attn.qkv", "transformer_blocks.*.attn.{to_q,to_k,to_v}", thirds),
        Layers("joint_blocks.*.x_block.attn.proj", "transformer_blocks.*.attn.to_out.0"),
        Layers("joint_blocks.*.x_block.attn2.qkv", "transformer_blocks.*.attn2.{to_q,to_k,to_v}", thirds),
        Layers("joint_blocks.*.x_block.attn2.proj", "transformer_blocks.*.attn2.to_out.0"),
    ),
    inputs=(Layers("x_embedder.proj", "pos_embed.proj"),),
    outputs=(Layers("final_layer.linear", "proj_out"),),
    time=(Layers("t_embedder.mlp.{0,2}", "time_text_embed.timestep_embedder.{linear_1,linear_2}"),),
    other_attention=(
        Layers(
            "joint_blocks.*.context_block.attn.qkv",
            "transformer_blocks.*.attn.{add_q_proj,add_k_proj,add_v_proj}",
            thirds,
        ),
        Layers("joint_blocks.*.context_block.attn.proj", "transformer_blocks.*.attn.to_add_out"),
    ),
    mlp=(Layers("joint_blocks.*.x_block.mlp.{fc1,fc2}", "transformer_blocks.*.ff.{net.0.proj,net.2}"),),
    skipped=(
        ("**.adaLN_modulation.**", MODULATION),
        ("joint_blocks.*.context_block.**", TEXT),
        ("context_embedder", TEXT),
        ("y_embedder.**", POOLED),
    ),
    elsewhere=(
        Layers(
            "joint_blocks.*.context_block.mlp.{fc1,fc2}", "transformer_blocks.*.ff_context.{net.0.proj,net.2}"
        ),
    ),
    classes=(("FeedForward", "joint_blocks.*.{x_block,context_block}.mlp.{fc1,fc2}"),),
    literal="the general list names only proj_out here, its code only the attention; here what the rule means.",
)
CONTROL_SKIPPED = (
    ("pos_embed_input.**", "the control picture's own way in"),
    ("controlnet_blocks.**", "carries the control over to the base model"),
)
CONTROL = replace(
    SD3,
    name="SD3 ControlNet",
    recognised_by=("cldm.mmdit.ControlNet",),
    outputs=(),
    skipped=(*SD3.skipped, *CONTROL_SKIPPED),
    control=("SD3",),
)
CONTROL_35 = Family(
    name="SD3.5 ControlNet",
    recognised_by=("cldm.dit_embedder.ControlNetEmbedder",),
    attention=(
        Layers("transformer_blocks.*.attn.qkv", "transformer_blocks.*.attn.{to_q,to_k,to_v}", thirds),
        Layers("transformer_blocks.*.attn.proj", "transformer_blocks.*.attn.to_out.0"),
    ),
    time=(Layers("t_embedder.mlp.{0,2}", "time_text_embed.timestep_embedder.{linear_1,linear_2}"),),
    mlp=(Layers("transformer_blocks.*.mlp.{fc1,fc2}", "transformer_blocks.*.ff.{net.0.proj,net.2}"),),
    skipped=(
        ("**.adaLN_modulation.**", MODULATION),
        ("{y_embedder,orig_y_embedder}.**", POOLED),
        ("x_embedder.**", "ComfyUI fills it from the base model before every run"),
        *CONTROL_SKIPPED,
    ),
    caveats=("This network sees no text at all.",),
    control=("SD3",),
)
FAMILIES = (SD3, CONTROL, CONTROL_35)
