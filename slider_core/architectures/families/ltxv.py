"""LTXVideo, and LTXAV (video with sound)."""

from dataclasses import replace

from ..family import MODULATION, TEXT, Family, Layers

QKVO = "{to_q,to_k,to_v,to_out.0}"
SOUND = "carries sound, not the picture"

LTXV = Family(
    name="LTXVideo",
    recognised_by=("supported_models.LTXV", "model_base.LTXV", "lightricks.model.LTXVModel"),
    attention=(Layers(f"transformer_blocks.*.attn1.{QKVO}", f"transformer_blocks.*.attn1.{QKVO}"),),
    inputs=(Layers("patchify_proj", "proj_in"),),
    outputs=(Layers("proj_out", "proj_out"),),
    time=(
        Layers(
            "adaln_single.emb.timestep_embedder.{linear_1,linear_2}",
            "time_embed.emb.timestep_embedder.{linear_1,linear_2}",
        ),
    ),
    other_attention=(Layers(f"transformer_blocks.*.attn2.{QKVO}", f"transformer_blocks.*.attn2.{QKVO}"),),
    mlp=(Layers("transformer_blocks.*.ff.{net.0.proj,net.2}", "transformer_blocks.*.ff.{net.0.proj,net.2}"),),
    skipped=(
        ("transformer_blocks.*.attn2.**", TEXT),
        ("caption_projection.**", TEXT),
        ("**.to_gate_logits", MODULATION),
        ("adaln_single.linear", MODULATION),
        ("prompt_adaln_single.**", MODULATION),
    ),
    elsewhere=(
        Layers("adaln_single.linear", "time_embed.linear"),
        Layers("caption_projection.{linear_1,linear_2}", "caption_projection.{linear_1,linear_2}"),
    ),
)
LTXAV = replace(
    LTXV,
    name="LTXAV",
    recognised_by=("supported_models.LTXAV", "model_base.LTXAV", "lightricks.av_model.LTXAVModel"),
    skipped=(
        *LTXV.skipped,
        ("audio_caption_projection.**", TEXT),
        ("{audio_embeddings_connector,video_embeddings_connector}.**", TEXT),
        ("**.{audio_attn1,audio_attn2,audio_ff,audio_to_video_attn,video_to_audio_attn}.**", SOUND),
        ("{audio_patchify_proj,audio_proj_out}", SOUND),
        ("{audio_adaln_single,audio_prompt_adaln_single}.**", SOUND),
        ("av_ca_**", MODULATION),
    ),
    caveats=("Only the video stream is trained; sound follows through the layers between the two.",),
)
FAMILIES = (LTXV, LTXAV)
