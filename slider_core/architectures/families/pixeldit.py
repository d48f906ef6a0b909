"""PixelDiT, and PiD, the pixel decoder that is built on it. `x` is the picture stream, `y` the text stream."""

from dataclasses import replace

from ..family import IN_PIECES, MODULATION, TEXT, Family, Layers, thirds

PIXELDIT = Family(
    name="PixelDiT",
    recognised_by=("supported_models.PixelDiTT2I", "model_base.PixelDiTT2I", "pixeldit.model.PixDiT_T2I"),
    attention=(
        Layers("patch_blocks.*.attn.qkv_x", rows=thirds),
        Layers("patch_blocks.*.attn.proj_x"),
        Layers("pixel_blocks.*.attn.qkv", rows=thirds),
        Layers("pixel_blocks.*.attn.proj"),
    ),
    inputs=(Layers("{pixel_embedder,s_embedder}.proj"),),
    outputs=(Layers("final_layer.linear"),),
    time=(Layers("t_embedder.mlp.{0,2}"),),
    other_attention=(Layers("patch_blocks.*.attn.qkv_y", rows=thirds), Layers("patch_blocks.*.attn.proj_y")),
    mlp=(Layers("patch_blocks.*.mlp_x.{w1,w2,w3}"),),
    skipped=(
        ("**.{adaLN_modulation_img,adaLN_modulation_txt}.**", MODULATION),
        ("**.{adaLN_modulation_msa,adaLN_modulation_mlp}", MODULATION),
        ("pixel_blocks.*.mlp.**", IN_PIECES),
        ("patch_blocks.*.{attn.qkv_y,attn.proj_y,mlp_y.w1,mlp_y.w2,mlp_y.w3}", TEXT),
        ("y_embedder.**", TEXT),
        (
            "pixel_blocks.*.{compress_to_attn,expand_from_attn}",
            "packs the pixels of a patch together and apart",
        ),
    ),
    caveats=("Works on pixels: there is no VAE between picture and model.",),
)
PID = replace(
    PIXELDIT,
    name="PiD",
    recognised_by=("supported_models.PiD", "model_base.PiD", "pixeldit.pid.PidNet"),
    skipped=(*PIXELDIT.skipped, ("lq_proj.**", "takes in the latent that is decoded")),
    caveats=(
        *PIXELDIT.caveats,
        "PiD decodes a latent: a concept is better trained on the model that makes it.",
    ),
)
FAMILIES = (PIXELDIT, PID)
