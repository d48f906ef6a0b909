"""PixArt-Alpha and -Sigma."""

from ..family import MODULATION, POOLED, TEXT, Family, Layers, halves, thirds

FAMILIES = (
    Family(
        name="PixArt",
        recognised_by=("supported_models.PixArtAlpha", "model_base.PixArt", "pixart.pixartms.PixArtMS"),
        attention=(
            Layers("blocks.*.attn.qkv", "transformer_blocks.*.attn1.{to_q,to_k,to_v}", thirds),
            Layers("blocks.*.attn.proj", "transformer_blocks.*.attn1.to_out.0"),
        ),
        inputs=(Layers("x_embedder.proj", "pos_embed.proj"),),
        outputs=(Layers("final_layer.linear", "proj_out"),),
        time=(Layers("t_embedder.mlp.{0,2}", "adaln_single.emb.timestep_embedder.{linear_1,linear_2}"),),
        other_attention=(
            Layers("blocks.*.cross_attn.{q_linear,proj}", "transformer_blocks.*.attn2.{to_q,to_out.0}"),
            Layers(
                "blocks.*.cross_attn.kv_linear", "transformer_blocks.*.attn2.{to_k,to_v}", halves, batch_dim=-2
            ),
        ),
        mlp=(Layers("blocks.*.mlp.{fc1,fc2}", "transformer_blocks.*.ff.{net.0.proj,net.2}"),),
        skipped=(
            ("t_block.**", MODULATION),
            ("blocks.*.cross_attn.**", TEXT),
            ("y_embedder.**", TEXT),
            ("{csize_embedder,ar_embedder}.**", POOLED),
        ),
    ),
)
