"""Targets of a model that no family's file describes, from the structure of its modules.

A module with projections for query, key and value (or one fused weight for the three) is an attention. It counts as
the picture's own self-attention unless its path says that it belongs to text, sound or another condition, or unless
key and query take inputs of different widths, which is cross-attention. Only these projections are selected; where
there are none, the linear layers of the repeated blocks are. Whether text shares them cannot be known, so a warning
says that the rule was used.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from torch import nn

from .family import Family, Layers, Rows, thirds
from .network import Network
from .patterns import alternatives

UNKNOWN = "unknown"
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
# Parts of module names that say: no MLP of the picture, but modulation, an embedding, a router, text beside it.
NO_MLP = re.compile(
    r"(?:^|[._])(?:\w*mod|\w*modulation|ada\w*|norm\w*|gate|time|t|\w*emb\w*|router|add|\w+_[cy])(?:$|[._])",
    re.IGNORECASE,
)
IN_A_BLOCK = re.compile(r"(?:^|\.)(?:block)?\d+\.")

UNKNOWN_MODEL = "This model family is not known here."
OTHER_LAYERS = "This model's class derives from one of {}, but its layers are not those of that family."
WARNING = (
    "The general rule was used: {} found by the structure of the modules. Look at the list before you train, and name "
    "layers yourself with preset custom if it is not what you want."
)


def as_one(layer: Any, parent: Any) -> tuple[Rows, ...]:
    """Heads may be shared between keys, so where q, k and v begin is unknown: the whole weight is one target."""
    return ((0, layer.out_features),)


def general_rule(network: Network, derived_from: str = "") -> Family:
    """A description of an unknown model, made from its modules.

    Args:
        derived_from: the family that the model's class derives from, where its layers are not those of the family.
    """
    attention: list[Layers] = []
    elsewhere: list[Layers] = []
    for path, module in network.module.named_modules():
        for layers in _attention(network, path, module):
            (elsewhere if _is_elsewhere(network, path, module) else attention).append(layers)
    described = {layer for layers in (*attention, *elsewhere) for layer in alternatives(layers.native)}
    found = "self-attention projections" if attention else "no self-attention, so linear layers of the blocks,"
    whose = OTHER_LAYERS.format(derived_from) if derived_from else UNKNOWN_MODEL
    return Family(
        name=UNKNOWN,
        recognised_by=(),
        attention=tuple(attention),
        other_attention=tuple(elsewhere),
        mlp=tuple(Layers(layer) for layer in _mlp(network, described)),
        caveats=(f"{whose} {WARNING.format(found)}",),
    )


def _mlp(network: Network, described: Collection[str]) -> Iterator[str]:
    """The other linear layers of repeated blocks."""
    for layer, module in network.layers.items():
        linear = layer not in described and hasattr(module, "in_features")
        if linear and IN_A_BLOCK.search(layer) and not (ELSEWHERE.search(layer) or NO_MLP.search(layer)):
            yield layer


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
