"""Stable Cascade, stages C and B."""

from dataclasses import replace

from ..family import TEXT, Family, Layers

SIDES = ("down_blocks.*.*", "up_blocks.*.*")

STAGE_C = Family(
    name="Stable Cascade",
    recognised_by=("supported_models.Stable_Cascade_C", "model_base.StableCascade_C", "cascade.stage_c.StageC"),
    modelspec=(("Stable_Cascade_C", "stable-cascade-v1-prior"),),
    attention=tuple(
        Layers(
            f"{side}.attention.attn.{{to_q,to_k,to_v,out_proj}}",
            f"{side}.attention.{{to_q,to_k,to_v,to_out.0}}",
        )
        for side in SIDES
    ),
    inputs=(Layers("embedding.1", "embedding.1"),),
    outputs=(Layers("clf.1", "clf.1"),),
    time=tuple(Layers(f"{side}.mapper", f"{side}.mapper") for side in SIDES),
    mlp=tuple(Layers(f"{side}.channelwise.{{0,4}}", f"{side}.channelwise.{{0,4}}") for side in SIDES),
    skipped=(
        ("**.kv_mapper.**", TEXT),
        ("{clip_txt_mapper,clip_txt_pooled_mapper,clip_img_mapper,clip_mapper}", TEXT),
        ("**.{mapper_sca,mapper_crp}", "embeds crop and sharpness"),
        ("**.depthwise", "convolution within a block"),
        ("{down_downscalers,up_upscalers,up_repeat_mappers}.**", "convolution between blocks"),
    ),
    classes=(("FeedForward", ""),),  # diffusers has no module of that class here
    caveats=(
        "Text and picture meet in one attention whose keys and values take both in: text cannot be left alone here.",
    ),
    literal="the general list matches nothing here; here what the rule means.",
)
STAGE_B = replace(
    STAGE_C,
    name="Stable Cascade B",
    recognised_by=("supported_models.Stable_Cascade_B", "model_base.StableCascade_B", "cascade.stage_b.StageB"),
    skipped=(*STAGE_C.skipped, ("{effnet_mapper,pixels_mapper}.**", "takes in the picture of stage C")),
    caveats=(*STAGE_C.caveats, "Stage B only sharpens: a concept is better trained on stage C."),
)
FAMILIES = (STAGE_C, STAGE_B)
