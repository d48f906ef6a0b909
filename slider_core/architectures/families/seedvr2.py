"""SeedVR2 (video restoration). `vid` and `txt` are two streams; blocks with `all` share their weights."""

from ..family import MODULATION, TEXT, Family, Layers, thirds

FAMILIES = (
    Family(
        name="SeedVR2",
        recognised_by=("supported_models.SeedVR2", "model_base.SeedVR2", "seedvr.model.NaDiT"),
        attention=(
            *(Layers(f"blocks.*.attn.proj_qkv.{stream}", rows=thirds) for stream in ("vid", "all")),
            *(Layers(f"blocks.*.attn.proj_out.{stream}") for stream in ("vid", "all")),
        ),
        inputs=(Layers("vid_in.proj"),),
        outputs=(Layers("vid_out.proj"),),
        time=(Layers("emb_in.{proj_in,proj_hid}"),),
        other_attention=(
            Layers("blocks.*.attn.proj_qkv.txt", rows=thirds),
            Layers("blocks.*.attn.proj_out.txt"),
        ),
        mlp=tuple(
            Layers(f"blocks.*.mlp.{stream}.{{proj_in,proj_in_gate,proj_out}}") for stream in ("vid", "all")
        ),
        skipped=(
            ("emb_in.proj_out", MODULATION),
            ("blocks.*.{attn.proj_qkv.txt,attn.proj_out.txt}", TEXT),
            ("blocks.*.mlp.txt.**", TEXT),
            ("txt_in", TEXT),
        ),
        prompts_swapped=True,
        copied=("seedvr.model.Cache",),
        caveats=(
            "In a batch ComfyUI mixes the samples' texts where a video has several windows.",
            "The 7B model's MLPs get tokens in pieces of 8192: with preset mlp give a larger batch one strength.",
            "Text and video pass through the same weights in blocks that say `all`: a slider there also changes "
            "the text tokens.",
        ),
    ),
)
