"""Targets of a model that no family's file describes, from the structure of its modules.

A module with projections for query, key and value (or one fused weight for the three) is an attention. It counts as
the picture's own self-attention unless its path says that it belongs to text, sound or another condition, or unless
key and query take inputs of different widths, which is cross-attention. Only these projections are selected; whether
text shares them cannot be known, so a warning says that the rule was used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from torch import nn

from .family import Family, Layers, Rows, thirds
from .network import Network

QUERY_KEY_VALUE = (
    ("to_q", "to_k", "to_v"),
    ("q", "k", "v"),
    ("q_proj", "k_proj", "v_proj"),
    ("to_query", "to_key", "to_value"),
    ("query", "key", "value"),
    ("wq", "wk", "wv"),
    ("w_q", "w_k", "w_v"),
    ("q_linear", "k_linear", "v_linear"),
    ("linear_q", "linear_k", "linear_v"),
    ("img_to_q", "img_to_k", "img_to_v"),
)
FUSED = ("qkv", "to_qkv", "qkv_proj", "Wqkv", "img_qkv", "img_attn_qkv", "qkv_x")
OUT = (
    *(
        "to_out.0",
        "to_out",
        "out_proj",
        "o_proj",
        "proj",
        "out",
        "o",
        "wo",
        "proj_out",
        "output_proj",
        "attn_out",
    ),
    *("out_layer", "linear_out", "img_attn_proj", "img_out", "proj_x"),
)
# Parts of module names that say: not the picture's own stream.
ELSEWHERE = re.compile(
    r"(?:^|[._])(?:txt|text|context|cap|caption|cross|attn2|audio|lyrics?|speech|music|llm|clip|t5|byt5|byte|siglip|"
    r"vision|visual_encoder|token|tokenizer|detokenizer|refiner_text|instruct\w*|encoder|conditioner|cond|adapter|"
    r"connector|txtfusion|pooler|injector|motion|face|timbre)(?:$|[._]|\d|in\b)",
    re.IGNORECASE,
)
WARNING = (
    "This model family is not known here. The general rule was used: self-attention projections found by the "
    "structure of the modules. Look at the list before you train, and name layers yourself with preset custom if "
    "it is not what you want."
)


def as_one(layer: Any, parent: Any) -> tuple[Rows, ...]:
    """Heads may be shared between keys, so where q, k and v begin is unknown: the whole weight is one target."""
    return ((0, layer.out_features),)


def general_rule(network: Network) -> Family:
    """A description of an unknown model, made from its modules."""
    attention: list[Layers] = []
    elsewhere: list[Layers] = []
    for path, module in network.module.named_modules():
        for layers in _attention(network, path, module):
            (elsewhere if _is_elsewhere(network, path, module) else attention).append(layers)
    return Family(
        name="unknown",
        recognised_by=(),
        attention=tuple(attention),
        other_attention=tuple(elsewhere),
        caveats=(WARNING,),
    )


def _attention(network: Network, path: str, module: nn.Module) -> Iterator[Layers]:
    """The projections of a module that is an attention; nothing of another."""
    stem = f"{path}." if path else ""
    have = network.layers
    found = False
    for names in QUERY_KEY_VALUE:
        if all(f"{stem}{name}" in have for name in names):
            found = True
            yield Layers(f"{stem}{{{','.join(names)}}}")
    for name in FUSED:
        layer = have.get(f"{stem}{name}")
        if layer is not None:
            found = True
            yield Layers(
                f"{stem}{name}", rows=thirds if layer.out_features == 3 * layer.in_features else as_one
            )
    if found:
        yield from (Layers(f"{stem}{name}") for name in OUT if f"{stem}{name}" in have)


def _is_elsewhere(network: Network, path: str, module: Any) -> bool:
    if ELSEWHERE.search(path):
        return True
    for query, key, _ in QUERY_KEY_VALUE:
        have = network.layers
        if f"{path}.{query}" in have and f"{path}.{key}" in have:
            return have[f"{path}.{query}"].in_features != have[f"{path}.{key}"].in_features
    return False
