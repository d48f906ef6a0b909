"""Wan 2.1 and 2.2: text to video, image to video, VACE, Camera, HuMo, S2V, Animate (1 and 2), SCAIL, Dancer."""

from ..family import MODULATION, TEXT, Family, Layers

QKVO = "{to_q,to_k,to_v,to_out.0}"
CONDITION = "takes in another condition (sound, pose, face, reference picture), not the video itself"

FAMILIES = (
    Family(
        name="Wan",
        recognised_by=(
            "supported_models.WAN21_T2V",
            "model_base.WAN21",
            "wan.model.WanModel",
            "wan.model_animate.AnimateWanModel",
        ),
        attention=(
            Layers("blocks.*.self_attn.{q,k,v,o}", f"blocks.*.attn1.{QKVO}"),
            Layers("vace_blocks.*.self_attn.{q,k,v,o}", f"vace_blocks.*.attn1.{QKVO}"),
        ),
        inputs=(Layers("patch_embedding", "patch_embedding"),),
        outputs=(Layers("head.head", "proj_out"),),
        time=(Layers("time_embedding.{0,2}", "condition_embedder.time_embedder.{linear_1,linear_2}"),),
        other_attention=(
            Layers("blocks.*.cross_attn.{q,k,v,o}", f"blocks.*.attn2.{QKVO}"),
            Layers("blocks.*.cross_attn.{k_img,v_img}", "blocks.*.attn2.{add_k_proj,add_v_proj}"),
            Layers("vace_blocks.*.cross_attn.{q,k,v,o}", f"vace_blocks.*.attn2.{QKVO}"),
        ),
        mlp=(
            Layers("blocks.*.ffn.{0,2}", "blocks.*.ffn.{net.0.proj,net.2}"),
            Layers("vace_blocks.*.ffn.{0,2}", "vace_blocks.*.ffn.{net.0.proj,net.2}"),
        ),
        skipped=(
            ("time_projection.**", MODULATION),
            ("text_embedding.**", TEXT),
            ("blocks.*.cross_attn.{k_img,v_img}", CONDITION),
            ("{blocks,vace_blocks}.*.cross_attn.**", TEXT),
            ("{vace_patch_embedding,vace_blocks.*.before_proj,vace_blocks.*.after_proj}", CONDITION),
            ("{img_emb,img_emb_refimage}.**", CONDITION),
            ("blocks.*.audio_cross_attn_wrapper.**", CONDITION),
            ("{audio_proj,audio_injector,casual_audio_encoder,frame_packer}.**", CONDITION),
            ("{motion_encoder,face_adapter,face_encoder,control_adapter}.**", CONDITION),
            ("{music_injector,music_encoder}.**", CONDITION),
            ("{cond_encoder,ref_conv,music_projection}", CONDITION),
            ("{pose_patch_embedding,patch_embedding_pose,patch_embedding_mask}", CONDITION),
            (
                "{patch_embedding_global,head_global.head}",
                "Dancer's second way in and out, for key frames only",
            ),
        ),
        elsewhere=(
            Layers("time_projection.1", "condition_embedder.time_proj"),
            Layers("text_embedding.{0,2}", "condition_embedder.text_embedder.{linear_1,linear_2}"),
        ),
        literal="SimpleTuner's Wan list also takes attn2, the cross-attention to text: half of what it trains.",
    ),
)
