"""Z-Image (Turbo, base, Omni, and in pixel space)."""

from ..family import MODULATION, SHARED, TEXT, Family, Layers, grouped_query

BLOCKS = ("noise_refiner.*", "layers.*")

FAMILIES = (
    Family(
        name="Z-Image",
        recognised_by=(
            "supported_models.ZImage",
            "model_base.ZImagePixelSpace",
            "lumina.model.NextDiTPixelSpace",
        ),
        modelspec=(("ZImage", "z-image"),),
        attention=(
            *(Layers(f"{b}.attention.qkv", f"{b}.attention.{{to_q,to_k,to_v}}", grouped_query) for b in BLOCKS),
            *(Layers(f"{b}.attention.out", f"{b}.attention.to_out.0") for b in BLOCKS),
        ),
        inputs=(Layers("x_embedder", "all_x_embedder.2-1"),),
        outputs=(Layers("final_layer.linear", "all_final_layer.2-1.linear"),),
        time=(Layers("t_embedder.mlp.{0,2}", "t_embedder.mlp.{0,2}"),),
        other_attention=(
            Layers(
                "context_refiner.*.attention.qkv", "context_refiner.*.attention.{to_q,to_k,to_v}", grouped_query
            ),
            Layers("context_refiner.*.attention.out", "context_refiner.*.attention.to_out.0"),
        ),
        mlp=tuple(Layers(f"{b}.feed_forward.{{w1,w2,w3}}", f"{b}.feed_forward.{{w1,w2,w3}}") for b in BLOCKS),
        attention_only="its SimpleTuner maintainers chose attention only",
        skipped=(
            ("**.adaLN_modulation.**", MODULATION),
            ("context_refiner.**", TEXT),
            ("cap_embedder.**", TEXT),
            ("{siglip_embedder,siglip_refiner}.**", "sees reference pictures only"),
            ("dec_net.**", "the pixel decoder, behind the transformer"),
        ),
        elsewhere=(
            Layers("context_refiner.*.feed_forward.{w1,w2,w3}", "context_refiner.*.feed_forward.{w1,w2,w3}"),
        ),
        classes=(("FeedForward", "{context_refiner,noise_refiner,layers}.*.feed_forward.{w1,w2,w3}"),),
        caveats=(
            SHARED,
            "Turbo is distilled: train with an assistant LoRA, which is left out again when the slider is used.",
        ),
        literal="the literal list also takes context_refiner, which sees text only; here it is left out.",
    ),
)
