"""Qwen-Image, Mage-Flow, Qwen-Image 2.1, Qwen-Image ControlNet, Qwen-Image Fun ControlNet."""

import torch

from families.twin import T, Twin, noise
from families.variant import Control, Newer, Published, Tiny

TARGETS_OF_QWEN_IMAGE = """
        transformer_blocks.{0,1}.attn.{to_q,to_k,to_v,to_out.0} img_in proj_out
        time_text_embed.timestep_embedder.{linear_1,linear_2}
        """

VARIANTS = (
    Tiny(
        "qwen_image",
        family="Qwen-Image",
        of="QwenImage",
        config={
            "image_model": "qwen_image",
            "in_channels": 64,
            "num_layers": 2,
            "num_attention_heads": 2,
            "attention_head_dim": 128,
            "joint_attention_dim": 48,
        },
        x=[2, 16, 1, 8, 8],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 48]},
        targets=TARGETS_OF_QWEN_IMAGE,
        diffusers=("QwenImageTransformer2DModel", {"num_layers": 2}),
        twin=Twin(
            "QwenImageTransformer2DModel",
            {"num_layers": 2, "num_attention_heads": 2, "joint_attention_dim": 48},
            "",
            {
                "hidden_states": noise(2, 16, 64),
                "encoder_hidden_states": noise(2, 6, 48),
                "encoder_hidden_states_mask": torch.ones(2, 6),
                "timestep": T / 1000,
                "img_shapes": [(1, 4, 4)] * 2,
            },
        ),
    ),
    Tiny(
        "mage_flow",
        family="Mage-Flow",
        of="MageFlow",
        config={
            "image_model": "mage_flow",
            "in_channels": 128,
            "num_layers": 2,
            "num_attention_heads": 2,
            "joint_attention_dim": 48,
        },
        x=[2, 128, 4, 4],
        sigma=0.5,
        call={"c_crossattn": [2, 6, 48]},
        targets=TARGETS_OF_QWEN_IMAGE,
    ),
    Published(
        "mage_flow_full",
        family="Mage-Flow",
        of="MageFlow",
        config={"image_model": "mage_flow", "in_channels": 128, "num_layers": 12},
        targets="""
        transformer_blocks.{0..11}.attn.{to_q,to_k,to_v,to_out.0} img_in proj_out
        time_text_embed.timestep_embedder.{linear_1,linear_2}
        """,
    ),
    Newer(
        "qwen_image21",
        family="Qwen-Image 2.1",
        of="QwenImage21",
        config={"image_model": "qwen_image21"},
        targets="transformer_blocks.{0..31}.attn.{to_q,to_k,to_v,to_out.0} img_in proj_out",
        network="qwen_image21.model.QwenImage21Transformer2DModel",
        layers={
            "time_text_embed.timestep_embedder.linear_1": (4096, 256),
            "time_text_embed.timestep_embedder.linear_2": (4096, 4096),
            "txt_in.{in_layer,out_layer}": (4096, 4096),
            "img_in": (4096, 64),
            "modulation.1": (16384, 4096),
            "transformer_blocks.{0..31}.attn.{to_q,to_k,to_v,to_out.0}": (4096, 4096),
            "transformer_blocks.{0..31}.img_mlp.gate_up": (24576, 4096),
            "transformer_blocks.{0..31}.img_mlp.out": (4096, 12288),
            "norm_out.linear": (4096, 4096),
            "proj_out": (64, 4096),
        },
        based_on="QwenImage",
        diffusers=("QwenImage21Transformer2DModel", {"num_layers": 2}),
    ),
    Control(
        "qwen_image",
        family="Qwen-Image ControlNet",
        targets="""
        transformer_blocks.{0,1}.attn.{to_q,to_k,to_v,to_out.0} img_in
        time_text_embed.timestep_embedder.{linear_1,linear_2}
        """,
        unused="control_model.transformer_blocks.1.",
    ),
    Control(
        "qwen_image_fun",
        family="Qwen-Image Fun ControlNet",
        targets="control_blocks.{0,1}.attn.{to_q,to_k,to_v,to_out.0}",
    ),
)
