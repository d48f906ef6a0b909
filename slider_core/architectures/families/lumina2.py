"""Lumina Image 2 (and NewBie, which has its network)."""

from ..family import MODULATION, POOLED, SHARED, TEXT, Family, Layers, grouped_query

BLOCKS = ("noise_refiner.*", "layers.*")

LUMINA2 = Family(
    name="Lumina2",
    recognised_by=("supported_models.Lumina2", "model_base.Lumina2", "lumina.model.NextDiT"),
    attention=(
        *(Layers(f"{b}.attention.qkv", f"{b}.attn.{{to_q,to_k,to_v}}", grouped_query) for b in BLOCKS),
        *(Layers(f"{b}.attention.out", f"{b}.attn.to_out.0") for b in BLOCKS),
    ),
    inputs=(Layers("x_embedder", "x_embedder"),),
    outputs=(Layers("final_layer.linear", "norm_out.linear_2"),),
    time=(Layers("t_embedder.mlp.{0,2}", "time_caption_embed.timestep_embedder.{linear_1,linear_2}"),),
    other_attention=(
        Layers("context_refiner.*.attention.qkv", "context_refiner.*.attn.{to_q,to_k,to_v}", grouped_query),
        Layers("context_refiner.*.attention.out", "context_refiner.*.attn.to_out.0"),
    ),
    mlp=tuple(
        Layers(f"{b}.feed_forward.{{w1,w2,w3}}", f"{b}.feed_forward.{{linear_1,linear_2,linear_3}}")
        for b in BLOCKS
    ),
    skipped=(
        ("**.adaLN_modulation.**", MODULATION),
        ("context_refiner.**", TEXT),
        ("cap_embedder.**", TEXT),
        ("{clip_text_pooled_proj,time_text_embed}.**", POOLED),
    ),
    elsewhere=(
        Layers("cap_embedder.1", "time_caption_embed.caption_embedder.1"),
        Layers(
            "context_refiner.*.feed_forward.{w1,w2,w3}",
            "context_refiner.*.feed_forward.{linear_1,linear_2,linear_3}",
        ),
        *(Layers(f"{b}.adaLN_modulation.1", f"{b}.norm1.linear") for b in BLOCKS),
        Layers("final_layer.adaLN_modulation.1", "norm_out.linear_1"),
    ),
    caveats=(SHARED,),
    literal="the general list matches nothing here; here what the rule means.",
)
FAMILIES = (LUMINA2,)
