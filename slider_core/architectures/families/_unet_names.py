"""diffusers names of the layers of a UNet or of its ControlNet, read off the modules themselves.

The original code counts blocks through (`input_blocks.4.1`); diffusers counts levels, and layers within them
(`down_blocks.1.attentions.0`). A level ends with the block that changes the resolution.
"""

from __future__ import annotations

import re
from typing import Any

from torch import nn

FIXED = {
    "time_embed.0": "time_embedding.linear_1",
    "time_embed.2": "time_embedding.linear_2",
    "label_emb.0.0": "add_embedding.linear_1",
    "label_emb.0.2": "add_embedding.linear_2",
    "input_blocks.0.0": "conv_in",
    "out.2": "conv_out",
    "middle_block.0": "mid_block.resnets.0",
    "middle_block.1": "mid_block.attentions.0",
    "middle_block.2": "mid_block.resnets.1",
    "input_hint_block.0": "controlnet_cond_embedding.conv_in",
    "input_hint_block.14": "controlnet_cond_embedding.conv_out",
}
RESNET = {
    "in_layers.2": "conv1",
    "out_layers.3": "conv2",
    "emb_layers.1": "time_emb_proj",
    "skip_connection": "conv_shortcut",
}
WITHIN = {
    **RESNET,
    "time_stack.in_layers.2": "temporal_res_block.conv1",
    "time_stack.out_layers.3": "temporal_res_block.conv2",
    "time_stack.emb_layers.1": "temporal_res_block.time_emb_proj",
    "time_pos_embed.0": "time_pos_embed.linear_1",
    "time_pos_embed.2": "time_pos_embed.linear_2",
}
TEMPORAL = re.compile(r"time_stack\.\d")


def diffusers_names(network: nn.Module) -> dict[str, str]:
    """Native to diffusers layer names; layers that diffusers does not have are missing."""
    modules = {**FIXED, **_blocks(network, "input_blocks", "down_blocks", "downsamplers.0.conv")}
    modules |= _blocks(network, "output_blocks", "up_blocks", "upsamplers.0.conv")
    spatial_and_temporal = any(".time_stack." in name for name, _ in network.named_modules())
    names = {}
    for layer, _ in network.named_modules():
        stem = next((end for end in _stems(layer) if end in modules), None)
        if stem is not None:
            below = layer[len(stem) + 1 :]
            inner = _within(below, spatial_and_temporal) if below else ""
            names[layer] = f"{modules[stem]}.{inner}" if inner else modules[stem]
    return names


def _blocks(network: Any, native: str, foreign: str, sampler: str) -> dict[str, str]:
    """Where each child of each block is in diffusers: resnet, attention or sampler of some level."""
    names: dict[str, str] = {}
    level = resnets = attentions = 0
    for index, block in enumerate(getattr(network, native, ())):
        if native == "input_blocks" and index == 0:
            continue
        for number, child in enumerate(block):
            name = f"{native}.{index}.{number}"
            if hasattr(child, "in_layers"):
                names[name], resnets = f"{foreign}.{level}.resnets.{resnets}", resnets + 1
            elif hasattr(child, "transformer_blocks"):
                names[name], attentions = f"{foreign}.{level}.attentions.{attentions}", attentions + 1
            else:
                names[f"{name}.op"] = names[f"{name}.conv"] = f"{foreign}.{level}.{sampler}"
                level, resnets, attentions = level + 1, 0, 0
    return names


def _stems(layer: str) -> list[str]:
    parts = layer.split(".")
    return [".".join(parts[:length]) for length in range(len(parts), 0, -1)]


def _within(below: str, spatial_and_temporal: bool) -> str:
    """A layer's name within its block; video models split a resnet into a spatial and a temporal half."""
    if TEMPORAL.match(below):
        return below.replace("time_stack", "temporal_transformer_blocks", 1)
    name = WITHIN.get(below, below)
    halved = spatial_and_temporal and below in RESNET
    return f"spatial_res_block.{name}" if halved else name
