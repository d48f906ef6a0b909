"""MiniMax Music 3 (ComfyUI 0.33): what is said of the picture elsewhere holds for the sound here."""

from ..family import Family, Layers, thirds

NET = "diffusion_transformer"
BLOCK = f"{NET}.transformer.layers.*"

FAMILIES = (
    Family(
        name="MiniMax Music 3",
        recognised_by=(
            "supported_models.MiniMaxMusic3",
            "model_base.MiniMaxMusic3",
            "minimax_music.dit.MiniMaxMusic3DiT",
        ),
        attention=(
            Layers(f"{BLOCK}.self_attn.to_qkv", "transformer_blocks.*.attn.{to_q,to_k,to_v}", thirds),
            Layers(f"{BLOCK}.self_attn.to_out", "transformer_blocks.*.attn.to_out.0"),
        ),
        inputs=(Layers(f"{NET}.{{preprocess_conv,transformer.project_in}}", "{preprocess_conv,proj_in}"),),
        outputs=(Layers(f"{NET}.{{transformer.project_out,postprocess_conv}}", "{proj_out,postprocess_conv}"),),
        time=(Layers(f"{NET}.to_timestep_embed.{{0,2}}", "time_embed.{linear_1,linear_2}"),),
        mlp=(Layers(f"{BLOCK}.ff.ff.{{0.proj,2}}", "transformer_blocks.*.{ff_in,ff_out}"),),
        skipped=(("latent_conditioners.0", "takes in what the language model composed"),),
        caveats=(
            "The language model composes; this network plays it, so a slider here changes the sound alone.",
        ),
        untrainable="No slider can be trained on MiniMax Music 3 yet: each latent goes with what its language model "
        "composed, frame by frame, and buckets hold pictures and videos with prompts.",
    ),
)
