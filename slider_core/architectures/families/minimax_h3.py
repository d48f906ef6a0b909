"""MiniMax H3 (video with sound)."""

from ..family import MODULATION, SHARED, TEXT, Family, Layers, thirds

FAMILIES = (
    Family(
        name="MiniMax H3",
        recognised_by=("supported_models.MiniMaxH3", "model_base.MiniMaxH3", "minimax.model.MiniMaxH3Model"),
        attention=(
            Layers("blocks.*.attn.qkv_proj", "transformer_blocks.*.attn.{to_q,to_k,to_v}", thirds),
            Layers("blocks.*.attn.out_proj", "transformer_blocks.*.attn.to_out.0"),
        ),
        inputs=(Layers("video_patch_proj", "proj_in"),),
        outputs=(Layers("final_layer.video_out", "proj_out"),),
        time=(Layers("time_embedder.{proj_in,proj_out}", "time_embedder.{linear_1,linear_2}"),),
        other_attention=(
            Layers(
                "token_refiner.blocks.*.attn.qkv_proj",
                "token_refiner.refiner_blocks.*.attn.{to_q,to_k,to_v}",
                thirds,
            ),
            Layers("token_refiner.blocks.*.attn.out_proj", "token_refiner.refiner_blocks.*.attn.to_out.0"),
        ),
        mlp=(Layers("blocks.*.mlp.{fc1,fc2}"),),
        skipped=(
            ("**.adaln_proj.linear", MODULATION),
            ("{token_refiner.**,condition_proj}", TEXT),
            ("{audio_patch_proj,final_layer.audio_out}", "carries sound, not the picture"),
        ),
        caveats=(
            SHARED,
            "Sound passes through the same blocks too.",
            "The model takes one latent a call, so each call has one strength.",
        ),
        untrainable="No slider can be trained on MiniMax H3 yet: it takes video and sound together, and buckets hold "
        "pictures and videos alone.",
    ),
)
