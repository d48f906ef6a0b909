"""What the slider preset must select, spelled out by hand from the model code: keys and rows, per variant.

Names are below the network: `{a,b}` are alternatives, `{0..3}` and `{1..7..3}` numbers, `[0:4,4:8]` row ranges.
"""

import re

QKVO = "{to_q,to_k,to_v,to_out.0}"


def expanded(text: str, prefix: str = "diffusion_model") -> set[tuple[str, tuple[int, int] | None]]:
    """The (key, rows) pairs that the lines mean."""
    found = set()
    for line in text.split():
        names, _, ranges = line.partition("[")
        rows = (
            [tuple(map(int, part.split(":"))) for part in ranges.rstrip("]").split(",")] if ranges else [None]
        )
        found |= {(f"{prefix}.{name}.weight", part) for name in expanded_names(names) for part in rows}
    return found


def expanded_names(pattern: str) -> list[str]:
    braces = re.search(r"\{([^{}]*)\}", pattern)
    if braces is None:
        return [pattern]
    counted = re.fullmatch(r"(\d+)\.\.(\d+)(?:\.\.(\d+))?", braces[1])
    choices = braces[1].split(",")
    if counted:
        choices = range(int(counted[1]), int(counted[2]) + 1, int(counted[3] or 1))
    return [
        name
        for c in choices
        for name in expanded_names(f"{pattern[: braces.start()]}{c}{pattern[braces.end() :]}")
    ]


FLUX = """
    double_blocks.{0,1}.img_attn.qkv[0:256,256:512,512:768] double_blocks.{0,1}.img_attn.proj
    single_blocks.{0,1}.linear1[0:256,256:512,512:768]
"""
FLUX2 = """
    double_blocks.{0,1}.img_attn.qkv[0:256,256:512,512:768] double_blocks.{0,1}.img_attn.proj
    single_blocks.{0,1}.linear1[0:768]
"""
WAN = "blocks.{0,1}.self_attn.{q,k,v,o} patch_embedding head.head time_embedding.{0,2}"
SD1 = f"""
    input_blocks.{{1,3}}.1.transformer_blocks.0.attn1.{QKVO} output_blocks.{{2..5}}.1.transformer_blocks.0.attn1.{QKVO}
    middle_block.1.transformer_blocks.0.attn1.{QKVO}
    input_blocks.0.0 out.2 time_embed.{{0,2}}
    input_blocks.{{1,3}}.1.{{proj_in,proj_out}} output_blocks.{{2..5}}.1.{{proj_in,proj_out}}
    middle_block.1.{{proj_in,proj_out}}
"""
SDXL = f"""
    input_blocks.3.1.transformer_blocks.{{0,1}}.attn1.{QKVO}
    output_blocks.{{0,1}}.1.transformer_blocks.{{0,1}}.attn1.{QKVO}
    middle_block.1.transformer_blocks.{{0,1}}.attn1.{QKVO}
    input_blocks.0.0 out.2 time_embed.{{0,2}}
    input_blocks.3.1.{{proj_in,proj_out}} output_blocks.{{0,1}}.1.{{proj_in,proj_out}}
    middle_block.1.{{proj_in,proj_out}}
"""
PREDICT2 = """
    blocks.{0..9}.self_attn.{q_proj,k_proj,v_proj,output_proj}
    x_embedder.proj.1 final_layer.linear t_embedder.1.{linear_1,linear_2}
"""
KANDINSKY5 = """
    visual_transformer_blocks.{0,1}.self_attention.{to_query,to_key,to_value}
    visual_embeddings.in_layer out_layer.out_layer time_embeddings.{in_layer,out_layer}
"""

# Tiny variant: (family, what the slider preset selects).
SLIDER: dict[str, tuple[str, str]] = {
    "sd15": ("SD1.x", SD1),
    "sd2": ("SD2.x", SD1),
    "sdxl": ("SDXL", SDXL),
    "kolors": ("SDXL", SDXL),
    "flux": ("Flux", FLUX),
    "flux_schnell": ("Flux", FLUX),
    "flux2": ("Flux.2", FLUX2),
    "flux2_klein": ("Flux.2", FLUX2),
    "chroma": ("Chroma", FLUX),
    "auraflow": (
        "AuraFlow",
        "double_layers.0.attn.{w2q,w2k,w2v,w2o} single_layers.{0,1}.attn.{w1q,w1k,w1v,w1o}",
    ),
    "z_image": (
        "Z-Image",
        """noise_refiner.0.attention.qkv[0:256,256:512,512:768] noise_refiner.0.attention.out
        layers.{0,1}.attention.qkv[0:256,256:512,512:768] layers.{0,1}.attention.out""",
    ),
    "lumina2": (
        "Lumina2",
        """noise_refiner.0.attention.qkv[0:288,288:384,384:480] noise_refiner.0.attention.out
        layers.{0,1}.attention.qkv[0:288,288:384,384:480] layers.{0,1}.attention.out
        x_embedder final_layer.linear t_embedder.mlp.{0,2}""",
    ),
    "sd3": (
        "SD3",
        """joint_blocks.{0,1}.x_block.attn.qkv[0:128,128:256,256:384] joint_blocks.{0,1}.x_block.attn.proj
        x_embedder.proj final_layer.linear t_embedder.mlp.{0,2}""",
    ),
    "sd35_medium": (
        "SD3",
        """joint_blocks.{0,1}.x_block.attn.qkv[0:128,128:256,256:384] joint_blocks.{0,1}.x_block.attn.proj
        joint_blocks.0.x_block.attn2.qkv[0:128,128:256,256:384] joint_blocks.0.x_block.attn2.proj
        x_embedder.proj final_layer.linear t_embedder.mlp.{0,2}""",
    ),
    "qwen_image": (
        "Qwen-Image",
        f"""transformer_blocks.{{0,1}}.attn.{QKVO} img_in proj_out
        time_text_embed.timestep_embedder.{{linear_1,linear_2}}""",
    ),
    "wan21": ("Wan", WAN),
    "wan22_5b": ("Wan", WAN),
    "wan21_i2v": ("Wan", WAN),
    "hidream": (
        "HiDream",
        """double_stream_blocks.0.block.attn1.{to_q,to_k,to_v,to_out}
        single_stream_blocks.0.block.attn1.{to_q,to_k,to_v,to_out}
        x_embedder.proj final_layer.linear t_embedder.timestep_embedder.{linear_1,linear_2}""",
    ),
    "ltxv": (
        "LTXVideo",
        f"""transformer_blocks.{{0,1}}.attn1.{QKVO} patchify_proj proj_out
        adaln_single.emb.timestep_embedder.{{linear_1,linear_2}}""",
    ),
    "cosmos_predict1": (
        "Cosmos Predict1",
        """blocks.block{0,1}.blocks.0.block.attn.{to_q.0,to_k.0,to_v.0,to_out.0}
        x_embedder.proj.1 final_layer.linear t_embedder.1.{linear_1,linear_2}""",
    ),
    "cosmos_predict2": ("Cosmos Predict2", PREDICT2),
    "anima": ("Anima", PREDICT2),
    "stable_cascade_c": (
        "Stable Cascade",
        """down_blocks.0.{2,5}.attention.attn.{to_q,to_k,to_v,out_proj} down_blocks.0.{1,4}.mapper
        down_blocks.1.2.attention.attn.{to_q,to_k,to_v,out_proj} down_blocks.1.1.mapper
        up_blocks.0.2.attention.attn.{to_q,to_k,to_v,out_proj} up_blocks.0.1.mapper
        up_blocks.1.{2,5}.attention.attn.{to_q,to_k,to_v,out_proj} up_blocks.1.{1,4}.mapper
        embedding.1 clf.1""",
    ),
    "kandinsky5_image": ("Kandinsky 5", KANDINSKY5),
    "kandinsky5_video": ("Kandinsky 5", KANDINSKY5),
    "pixart_sigma": (
        "PixArt",
        """blocks.{0,1}.attn.qkv[0:64,64:128,128:192] blocks.{0,1}.attn.proj
        x_embedder.proj final_layer.linear t_embedder.mlp.{0,2}""",
    ),
    "hunyuan_video": (
        "HunyuanVideo",
        f"{FLUX} img_in.proj final_layer.linear time_in.{{in_layer,out_layer}}",
    ),
    "hunyuan_video15": (
        "HunyuanVideo 1.5",
        """double_blocks.{0,1}.img_attn.qkv[0:256,256:512,512:768] double_blocks.{0,1}.img_attn.proj
        img_in.proj final_layer.linear time_in.{in_layer,out_layer}""",
    ),
    "omnigen2": (
        "OmniGen2",
        f"""noise_refiner.0.attn.{QKVO} ref_image_refiner.0.attn.{QKVO} layers.{{0,1}}.attn.{QKVO}
        x_embedder ref_image_patch_embedder norm_out.linear_2
        time_caption_embed.timestep_embedder.{{linear_1,linear_2}}""",
    ),
    "ace_step": (
        "ACE-Step",
        f"""transformer_blocks.{{0,1}}.attn.{QKVO} proj_in.early_conv_layers.{{0,2}} final_layer.linear
        timestep_embedder.{{linear_1,linear_2}}""",
    ),
    "ernie": (
        "ERNIE-Image",
        f"""layers.{{0,1}}.self_attention.{QKVO} x_embedder.proj final_linear
        time_embedding.{{linear_1,linear_2}}""",
    ),
    "krea2": (
        "Krea 2",
        "blocks.{0,1}.attn.{wq,wk,wv,wo} first last.linear tmlp.{0,2}",
    ),
    "sdxl_refiner": ("SDXL", SDXL),
    "svd": (
        "SVD",
        " ".join(
            f"{level}.{{transformer_blocks,time_stack}}.0.attn1.{QKVO} {level}.{{proj_in,proj_out}}"
            for level in ("input_blocks.{1,3}.1", "middle_block.1", "output_blocks.{0..3}.1")
        )
        + " input_blocks.0.0 out.2 time_embed.{0,2}",
    ),
    "stable_cascade_b": (
        "Stable Cascade B",
        """{down_blocks.1,up_blocks.0}.2.attention.attn.{to_q,to_k,to_v,out_proj}
        down_blocks.{0,1}.1.mapper up_blocks.{0,1}.1.mapper embedding.1 clf.1""",
    ),
    "hunyuan_dit": (
        "HunyuanDiT",
        """blocks.{0..39}.attn1.Wqkv[0:64,64:128,128:192] blocks.{0..39}.attn1.out_proj
        x_embedder.proj final_layer.linear t_embedder.mlp.{0,2}""",
    ),
    "hunyuan_image": ("HunyuanImage", f"{FLUX} img_in.proj final_layer.linear time_in.{{in_layer,out_layer}}"),
    "wan_vace": ("Wan", f"{WAN} vace_blocks.0.self_attn.{{q,k,v,o}}"),
    "chroma_radiance": ("Chroma Radiance", FLUX),
    "longcat_image": ("LongCat-Image", f"{FLUX} img_in final_layer.linear time_in.{{in_layer,out_layer}}"),
    "lens": (
        "Lens",
        """transformer_blocks.{0,1}.attn.img_qkv[0:256,256:512,512:768] transformer_blocks.{0,1}.attn.to_out.0
        img_in proj_out time_text_embed.timestep_embedder.{linear_1,linear_2}""",
    ),
    "boogu": (
        "Boogu-Image",
        f"""{{noise_refiner,ref_image_refiner}}.0.attn.{QKVO} single_stream_layers.{{0,1}}.attn.{QKVO}
        double_stream_layers.{{0,1}}.img_instruct_attn.processor.{{img_to_q,img_to_k,img_to_v,img_out}}
        double_stream_layers.{{0,1}}.img_self_attn.{QKVO} x_embedder ref_image_patch_embedder norm_out.linear_2
        time_caption_embed.timestep_embedder.{{linear_1,linear_2}}""",
    ),
    "mage_flow": (
        "Mage-Flow",
        f"""transformer_blocks.{{0,1}}.attn.{QKVO} img_in proj_out
        time_text_embed.timestep_embedder.{{linear_1,linear_2}}""",
    ),
    "joyimage": (
        "JoyImage",
        """double_blocks.{0,1}.attn.img_attn_qkv[0:256,256:512,512:768] double_blocks.{0,1}.attn.img_attn_proj
        img_in proj_out condition_embedder.time_embedder.{linear_1,linear_2}""",
    ),
    "cogvideox": (
        "CogVideoX",
        "blocks.{0,1}.{q,k,v,attn_out} patch_embed.proj proj_out time_embedding_{linear_1,linear_2}",
    ),
    "pixeldit": (
        "PixelDiT",
        """patch_blocks.{0,1}.attn.qkv_x[0:128,128:256,256:384] patch_blocks.{0,1}.attn.proj_x
        pixel_blocks.0.attn.qkv[0:128,128:256,256:384] pixel_blocks.0.attn.proj
        {pixel_embedder,s_embedder}.proj final_layer.linear t_embedder.mlp.{0,2}""",
    ),
    "mochi": (
        "Mochi",
        """blocks.{0,1}.attn.qkv_x[0:128,128:256,256:384] blocks.{0,1}.attn.proj_x
        x_embedder.proj final_layer.linear t_embedder.mlp.{0,2}""",
    ),
    "ltxav": (
        "LTXAV",
        f"""transformer_blocks.{{0,1}}.attn1.{QKVO} patchify_proj proj_out
        adaln_single.emb.timestep_embedder.{{linear_1,linear_2}}""",
    ),
    "minimax_h3": (
        "MiniMax H3",
        """blocks.{0,1}.attn.qkv_proj[0:128,128:256,256:384] blocks.{0,1}.attn.out_proj
        video_patch_proj final_layer.video_out time_embedder.{proj_in,proj_out}""",
    ),
    "ideogram4": (
        "Ideogram 4",
        """layers.{0,1}.attention.qkv[0:128,128:256,256:384] layers.{0,1}.attention.o
        input_proj final_layer.linear t_embedding.{mlp_in,mlp_out}""",
    ),
    "ace_step15": (
        "ACE-Step 1.5",
        """decoder.layers.{0,1}.self_attn.{q_proj,k_proj,v_proj,o_proj} decoder.proj_in.1
        decoder.time_embed.{linear_1,linear_2}""",
    ),
    "hidream_o1": (
        "HiDream-O1",
        """language_model.layers.{0,1}.self_attn.{q_proj,k_proj,v_proj,o_proj}
        x_embedder.{proj1,proj2} final_layer2.linear t_embedder1.mlp.{0,2}""",
    ),
    "seedvr2": (
        "SeedVR2",
        """blocks.0.attn.proj_qkv.vid[0:64,64:128,128:192] blocks.0.attn.proj_out.vid
        blocks.1.attn.proj_qkv.all[0:64,64:128,128:192] blocks.1.attn.proj_out.all
        vid_in.proj vid_out.proj emb_in.{proj_in,proj_hid}""",
    ),
    "pid": (
        "PiD",
        """patch_blocks.{0,1}.attn.qkv_x[0:128,128:256,256:384] patch_blocks.{0,1}.attn.proj_x
        pixel_blocks.0.attn.qkv[0:128,128:256,256:384] pixel_blocks.0.attn.proj
        {pixel_embedder,s_embedder}.proj final_layer.linear t_embedder.mlp.{0,2}""",
    ),
}

# Variant of published.py: (family, what the slider preset selects).
WAN_14B = "blocks.{0..39}.self_attn.{q,k,v,o} patch_embedding head.head time_embedding.{0,2}"
Z_IMAGE = """
    noise_refiner.{0,1}.attention.qkv[0:3840,3840:7680,7680:11520] noise_refiner.{0,1}.attention.out
    layers.{0..29}.attention.qkv[0:3840,3840:7680,7680:11520] layers.{0..29}.attention.out
"""
PIXELDIT = """
    patch_blocks.{0..13}.attn.qkv_x[0:1536,1536:3072,3072:4608] patch_blocks.{0..13}.attn.proj_x
    pixel_blocks.{0,1}.attn.qkv[0:1152,1152:2304,2304:3456] pixel_blocks.{0,1}.attn.proj
    {pixel_embedder,s_embedder}.proj final_layer.linear t_embedder.mlp.{0,2}
"""
IN_OUT_TIME = "x_embedder.proj final_layer.linear t_embedder.mlp.{0,2}"
UNET_IN_OUT_TIME = "input_blocks.0.0 out.2 time_embed.{0,2}"
SVD_LEVELS = ("input_blocks.{1,2,4,5,7,8}.1", "middle_block.1", "output_blocks.{3..11}.1")
CASCADE_QKVO = "attention.attn.{to_q,to_k,to_v,out_proj}"
PUBLISHED: dict[str, tuple[str, str]] = {
    "sdxl_refiner_full": (
        "SDXL",
        f"""input_blocks.{{4,5,7,8}}.1.transformer_blocks.{{0..3}}.attn1.{QKVO}
        output_blocks.{{3..8}}.1.transformer_blocks.{{0..3}}.attn1.{QKVO}
        middle_block.1.transformer_blocks.{{0..3}}.attn1.{QKVO}
        input_blocks.{{4,5,7,8}}.1.{{proj_in,proj_out}} output_blocks.{{3..8}}.1.{{proj_in,proj_out}}
        middle_block.1.{{proj_in,proj_out}} {UNET_IN_OUT_TIME}""",
    ),
    "ssd_1b": (
        "SDXL",
        f"""input_blocks.{{4,5}}.1.transformer_blocks.{{0,1}}.attn1.{QKVO}
        input_blocks.{{7,8}}.1.transformer_blocks.{{0..3}}.attn1.{QKVO}
        output_blocks.{{0,1}}.1.transformer_blocks.{{0..3}}.attn1.{QKVO}
        output_blocks.2.1.transformer_blocks.{{0..9}}.attn1.{QKVO}
        output_blocks.3.1.transformer_blocks.{{0,1}}.attn1.{QKVO}
        output_blocks.{{4,5}}.1.transformer_blocks.0.attn1.{QKVO}
        input_blocks.{{4,5,7,8}}.1.{{proj_in,proj_out}} output_blocks.{{0..5}}.1.{{proj_in,proj_out}}
        {UNET_IN_OUT_TIME}""",
    ),
    "koala_700m": (
        "SDXL",
        f"""input_blocks.3.1.transformer_blocks.{{0,1}}.attn1.{QKVO}
        input_blocks.5.1.transformer_blocks.{{0..4}}.attn1.{QKVO}
        output_blocks.{{0,1}}.1.transformer_blocks.{{0..4}}.attn1.{QKVO}
        output_blocks.{{2,3}}.1.transformer_blocks.{{0,1}}.attn1.{QKVO}
        input_blocks.{{3,5}}.1.{{proj_in,proj_out}} output_blocks.{{0..3}}.1.{{proj_in,proj_out}}
        {UNET_IN_OUT_TIME}""",
    ),
    "sd_x4_upscaler": (
        "SD2.x",
        f"""input_blocks.{{10,11}}.1.transformer_blocks.0.attn1.{QKVO}
        output_blocks.{{0..2}}.1.transformer_blocks.0.attn1.{QKVO} middle_block.1.transformer_blocks.0.attn1.{QKVO}
        input_blocks.{{4,5,7,8,10,11}}.1.{{proj_in,proj_out}} output_blocks.{{0..8}}.1.{{proj_in,proj_out}}
        middle_block.1.{{proj_in,proj_out}} {UNET_IN_OUT_TIME}""",
    ),
    "svd_full": (
        "SVD",
        " ".join(
            f"{level}.{{transformer_blocks,time_stack}}.0.attn1.{QKVO} {level}.{{proj_in,proj_out}}"
            for level in SVD_LEVELS
        )
        + f" {UNET_IN_OUT_TIME}",
    ),
    "stable_cascade_b_full": (
        "Stable Cascade B",
        f"""down_blocks.2.{{2..41..3}}.{CASCADE_QKVO} down_blocks.3.{{2..11..3}}.{CASCADE_QKVO}
        up_blocks.0.{{2..11..3}}.{CASCADE_QKVO} up_blocks.1.{{2..41..3}}.{CASCADE_QKVO}
        down_blocks.0.{{1,3}}.mapper down_blocks.1.{{1..7..2}}.mapper
        down_blocks.2.{{1..40..3}}.mapper down_blocks.3.{{1..10..3}}.mapper
        up_blocks.0.{{1..10..3}}.mapper up_blocks.1.{{1..40..3}}.mapper
        up_blocks.2.{{1..7..2}}.mapper up_blocks.3.{{1,3}}.mapper embedding.1 clf.1""",
    ),
    "hunyuan_dit_full": (
        "HunyuanDiT",
        f"blocks.{{0..39}}.attn1.Wqkv[0:1408,1408:2816,2816:4224] blocks.{{0..39}}.attn1.out_proj {IN_OUT_TIME}",
    ),
    "mochi_full": (
        "Mochi",
        f"blocks.{{0..47}}.attn.qkv_x[0:3072,3072:6144,6144:9216] blocks.{{0..47}}.attn.proj_x {IN_OUT_TIME}",
    ),
    "ltxav_full": (
        "LTXAV",
        f"""transformer_blocks.{{0..47}}.attn1.{QKVO} patchify_proj proj_out
        adaln_single.emb.timestep_embedder.{{linear_1,linear_2}}""",
    ),
    "minimax_h3_full": (
        "MiniMax H3",
        """blocks.{0..49}.attn.qkv_proj[0:7168,7168:14336,14336:21504] blocks.{0..49}.attn.out_proj
        video_patch_proj final_layer.video_out time_embedder.{proj_in,proj_out}""",
    ),
    "hunyuan_image_full": (
        "HunyuanImage",
        """double_blocks.{0..19}.img_attn.qkv[0:3584,3584:7168,7168:10752] double_blocks.{0..19}.img_attn.proj
        single_blocks.{0..39}.linear1[0:3584,3584:7168,7168:10752]
        img_in.proj final_layer.linear time_in.{in_layer,out_layer}""",
    ),
    "wan_vace_full": ("Wan", f"{WAN_14B} vace_blocks.{{0..7}}.self_attn.{{q,k,v,o}}"),
    "wan_camera": ("Wan", WAN_14B),
    "wan_humo": ("Wan", WAN_14B),
    "wan_s2v": ("Wan", WAN_14B),
    "wan_animate": ("Wan", WAN_14B),
    "wan_scail": ("Wan", WAN_14B),
    "wan_scail2": ("Wan", WAN_14B),
    "wan_dancer": ("Wan", WAN_14B),
    "z_image_omni": ("Z-Image", Z_IMAGE),
    "z_image_pixel": ("Z-Image", Z_IMAGE),
    "newbie": (
        "Lumina2",
        """noise_refiner.{0,1}.attention.qkv[0:2304,2304:3072,3072:3840] noise_refiner.{0,1}.attention.out
        layers.{0..35}.attention.qkv[0:2304,2304:3072,3072:3840] layers.{0..35}.attention.out
        x_embedder final_layer.linear t_embedder.mlp.{0,2}""",
    ),
    "pixeldit_full": ("PixelDiT", PIXELDIT),
    "pid_full": ("PiD", PIXELDIT),
    "pixart_alpha": (
        "PixArt",
        f"blocks.{{0..27}}.attn.qkv[0:1152,1152:2304,2304:3456] blocks.{{0..27}}.attn.proj {IN_OUT_TIME}",
    ),
    "chroma_radiance_full": (
        "Chroma Radiance",
        """double_blocks.{0..18}.img_attn.qkv[0:3072,3072:6144,6144:9216] double_blocks.{0..18}.img_attn.proj
        single_blocks.{0..37}.linear1[0:3072,3072:6144,6144:9216]""",
    ),
    "lens_full": (
        "Lens",
        """transformer_blocks.{0..47}.attn.img_qkv[0:1536,1536:3072,3072:4608]
        transformer_blocks.{0..47}.attn.to_out.0 img_in proj_out
        time_text_embed.timestep_embedder.{linear_1,linear_2}""",
    ),
    "hidream_o1_full": (
        "HiDream-O1",
        """language_model.layers.{0..35}.self_attn.{q_proj,k_proj,v_proj,o_proj}
        x_embedder.{proj1,proj2} final_layer2.linear t_embedder1.mlp.{0,2}""",
    ),
    "seedvr2_7b": (
        "SeedVR2",
        """blocks.{0..35}.attn.proj_qkv.vid[0:3072,3072:6144,6144:9216] blocks.{0..35}.attn.proj_out.vid
        vid_in.proj vid_out.proj emb_in.{proj_in,proj_hid}""",
    ),
    "seedvr2_3b": (
        "SeedVR2",
        """blocks.{0..9}.attn.proj_qkv.vid[0:2560,2560:5120,5120:7680] blocks.{0..9}.attn.proj_out.vid
        blocks.{10..31}.attn.proj_qkv.all[0:2560,2560:5120,5120:7680] blocks.{10..31}.attn.proj_out.all
        vid_in.proj vid_out.proj emb_in.{proj_in,proj_hid}""",
    ),
    "boogu_full": (
        "Boogu-Image",
        f"""{{noise_refiner,ref_image_refiner}}.{{0,1}}.attn.{QKVO} single_stream_layers.{{0..31}}.attn.{QKVO}
        double_stream_layers.{{0..7}}.img_instruct_attn.processor.{{img_to_q,img_to_k,img_to_v,img_out}}
        double_stream_layers.{{0..7}}.img_self_attn.{QKVO}
        x_embedder ref_image_patch_embedder norm_out.linear_2
        time_caption_embed.timestep_embedder.{{linear_1,linear_2}}""",
    ),
    "mage_flow_full": (
        "Mage-Flow",
        f"""transformer_blocks.{{0..11}}.attn.{QKVO} img_in proj_out
        time_text_embed.timestep_embedder.{{linear_1,linear_2}}""",
    ),
    "joyimage_full": (
        "JoyImage",
        """double_blocks.{0..39}.attn.img_attn_qkv[0:4096,4096:8192,8192:12288]
        double_blocks.{0..39}.attn.img_attn_proj img_in proj_out
        condition_embedder.time_embedder.{linear_1,linear_2}""",
    ),
    "ideogram4_full": (
        "Ideogram 4",
        """layers.{0..33}.attention.qkv[0:4608,4608:9216,9216:13824] layers.{0..33}.attention.o
        input_proj final_layer.linear t_embedding.{mlp_in,mlp_out}""",
    ),
    "longcat_image_full": (
        "LongCat-Image",
        """double_blocks.{0..9}.img_attn.qkv[0:3072,3072:6144,6144:9216] double_blocks.{0..9}.img_attn.proj
        single_blocks.{0..19}.linear1[0:3072,3072:6144,6144:9216]
        img_in final_layer.linear time_in.{in_layer,out_layer}""",
    ),
    "ovis_image": (
        "Flux",
        """double_blocks.{0..5}.img_attn.qkv[0:3072,3072:6144,6144:9216] double_blocks.{0..5}.img_attn.proj
        single_blocks.{0..26}.linear1[0:3072,3072:6144,6144:9216]""",
    ),
    "cogvideox_2b": (
        "CogVideoX",
        "blocks.{0..29}.{q,k,v,attn_out} patch_embed.proj proj_out time_embedding_{linear_1,linear_2}",
    ),
    "cogvideox15_i2v": (
        "CogVideoX",
        "blocks.{0..41}.{q,k,v,attn_out} patch_embed.proj proj_out time_embedding_{linear_1,linear_2}",
    ),
    "minimax_music3": (
        "MiniMax Music 3",
        """diffusion_transformer.transformer.layers.{0..35}.self_attn.to_qkv[0:2048,2048:4096,4096:6144]
        diffusion_transformer.transformer.layers.{0..35}.self_attn.to_out
        diffusion_transformer.{preprocess_conv,postprocess_conv} diffusion_transformer.to_timestep_embed.{0,2}
        diffusion_transformer.transformer.{project_in,project_out}""",
    ),
    "trellis2": (
        "Trellis 2",
        """{structure_model,img2shape,shape2txt,img2shape_512}.blocks.{0..29}.self_attn.to_qkv[0:1536,1536:3072,3072:4608]
        {structure_model,img2shape,shape2txt,img2shape_512}.blocks.{0..29}.self_attn.to_out
        {structure_model,img2shape,shape2txt,img2shape_512}.{input_layer,out_layer,t_embedder.mlp.0,t_embedder.mlp.2}""",
    ),
    "qwen_image21": (
        "Qwen-Image 2.1",
        f"transformer_blocks.{{0..31}}.attn.{QKVO} img_in proj_out",
    ),
}

# ControlNet of tiny_models.py: (family, what the slider preset selects).
UNET_CONTROL = f"""
    middle_block.1.transformer_blocks.0.attn1.{QKVO} middle_block.1.{{proj_in,proj_out}}
    input_blocks.{{1,3}}.1.transformer_blocks.0.attn1.{QKVO} input_blocks.{{1,3}}.1.{{proj_in,proj_out}}
    input_blocks.0.0 time_embed.{{0,2}} input_hint_block.{{0,14}}
"""
CONTROL: dict[str, tuple[str, str]] = {
    "sd15": ("UNet ControlNet", UNET_CONTROL),
    "sd2": ("UNet ControlNet", UNET_CONTROL),
    "sdxl": (
        "UNet ControlNet",
        f"""middle_block.1.transformer_blocks.{{0,1}}.attn1.{QKVO} middle_block.1.{{proj_in,proj_out}}
        input_blocks.3.1.transformer_blocks.{{0,1}}.attn1.{QKVO} input_blocks.3.1.{{proj_in,proj_out}}
        input_blocks.0.0 time_embed.{{0,2}} input_hint_block.{{0,14}}""",
    ),
    "sd3": (
        "SD3 ControlNet",
        """joint_blocks.{0,1}.x_block.attn.qkv[0:128,128:256,256:384] joint_blocks.{0,1}.x_block.attn.proj
        x_embedder.proj t_embedder.mlp.{0,2}""",
    ),
    "sd35_medium": (
        "SD3.5 ControlNet",
        """transformer_blocks.{0,1}.attn.qkv[0:128,128:256,256:384] transformer_blocks.{0,1}.attn.proj
        t_embedder.mlp.{0,2}""",
    ),
    "flux": ("Flux ControlNet", FLUX),
    "qwen_image": (
        "Qwen-Image ControlNet",
        f"""transformer_blocks.{{0,1}}.attn.{QKVO} img_in
        time_text_embed.timestep_embedder.{{linear_1,linear_2}}""",
    ),
    "qwen_image_fun": ("Qwen-Image Fun ControlNet", f"control_blocks.{{0,1}}.attn.{QKVO}"),
    "hunyuan_dit": (
        "HunyuanDiT ControlNet",
        """blocks.{0..18}.attn1.Wqkv[0:64,64:128,128:192] blocks.{0..18}.attn1.out_proj
        x_embedder.proj t_embedder.mlp.{0,2}""",
    ),
}
