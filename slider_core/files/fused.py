"""Adapters on rows of one fused weight, written as a single one of the whole weight, and taken apart again.

ComfyUI's native key names have no row ranges, so the LoRAs on q, k and v of a fused weight become one
block-diagonal LoRA: each part keeps its own rows and columns of `lora_up` and its own rows of `lora_down`. A LoHa
is two such pairs. No number changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

Rows = tuple[int, int]
Tensors = Mapping[str, Tensor]

UP, DOWN, MID = "lora_up.weight", "lora_down.weight", "lora_mid.weight"
# Pairs of [rows, rank] and [rank, …], whose products make up the weight difference.
PAIRS = (
    (UP, DOWN),
    ("hada_w1_a", "hada_w1_b"),
    ("hada_w2_a", "hada_w2_b"),
)
ALPHA, DORA, BIAS = "alpha", "dora_scale", "diff_b"


def pairs_of(tensors: Tensors) -> list[tuple[str, str]]:
    """The pairs that these tensors have; none for a kind that cannot be merged."""
    return [pair for pair in PAIRS if pair[0] in tensors]


def can_merge(parts: Sequence[Tensors]) -> bool:
    """Whether `merged` can put these together."""
    first = pairs_of(parts[0])
    known = {name for pair in PAIRS for name in pair} | {ALPHA, DORA, BIAS}
    return bool(first) and all(pairs_of(part) == first and part.keys() <= known for part in parts)


def merged(parts: Sequence[tuple[Rows, Tensors]], rows: int, share: bool = False) -> dict[str, Tensor]:
    """One adapter of a weight with `rows` rows, equal to the sum of those on ranges of them.

    With `share`, parts whose thin tensors are all the same keep them once: they come from one adapter.

    alpha / rank stays what it is; where the parts differ in it, it moves into their first tensor. `dora_scale` is
    not merged: see `magnitudes.with_magnitudes`.
    """
    pairs, bias = pairs_of(parts[0][1]), {}
    if biases := [(at, tensors[BIAS]) for at, tensors in parts if BIAS in tensors]:
        bias = {BIAS: padded(biases, rows)}
    ranks = [len(tensors[pairs[0][1]]) for _, tensors in parts]
    if share and _one_adapter(parts, pairs):
        once = {thin: parts[0][1][thin] for _, thin in pairs}
        stacked = {wide: padded([(at, tensors[wide]) for at, tensors in parts], rows) for wide, _ in pairs}
        return once | stacked | bias | {ALPHA: parts[0][1][ALPHA]}
    ratios = [float(tensors[ALPHA]) / rank for (_, tensors), rank in zip(parts, ranks, strict=True)]
    whole: dict[str, Tensor] = {}
    for wide, thin in pairs:
        whole[thin] = torch.cat([tensors[thin] for _, tensors in parts])
        whole[wide] = parts[0][1][wide].new_zeros(rows, sum(ranks), *parts[0][1][wide].shape[2:])
        column = 0
        for ((start, stop), tensors), rank, ratio in zip(parts, ranks, ratios, strict=True):
            factor = ratio / ratios[0] if wide == pairs[0][0] else 1.0
            part = tensors[wide] if factor == 1.0 else tensors[wide] * factor
            whole[wide][start:stop, column : column + rank] = part
            column += rank
    return whole | bias | {ALPHA: torch.tensor(ratios[0] * sum(ranks), dtype=torch.float64)}


def _one_adapter(parts: Sequence[tuple[Rows, Tensors]], pairs: Sequence[tuple[str, str]]) -> bool:
    first = parts[0][1]
    at = sorted(rows for rows, _ in parts)
    if any(one[1] > other[0] for one, other in zip(at, at[1:], strict=False)):
        return False
    names = [*(thin for _, thin in pairs), ALPHA]
    return all(torch.equal(first[name], tensors[name]) for _, tensors in parts[1:] for name in names)


def separated(tensors: Tensors, parts: Sequence[tuple[Rows, int]]) -> list[dict[str, Tensor]]:
    """What `merged` put together, given the rows and the rank of each part."""
    pairs = pairs_of(tensors)
    ratio = float(tensors[ALPHA]) / len(tensors[pairs[0][1]])
    found, column = [], 0
    for (start, stop), rank in parts:
        columns = slice(column, column + rank)
        part = {wide: tensors[wide][start:stop, columns].clone() for wide, _ in pairs}
        part |= {thin: tensors[thin][columns].clone() for _, thin in pairs}
        if DORA in tensors:
            part[DORA] = tensors[DORA][start:stop].clone()
        found.append(part | {ALPHA: torch.tensor(ratio * rank, dtype=torch.float32)})
        column += rank
    return found


def is_block_diagonal(tensors: Tensors, parts: Sequence[tuple[Rows, int]]) -> bool:
    """Whether `separated` at these rows and ranks loses nothing: each part has rows and ranks of its own."""
    for wide, _ in pairs_of(tensors):
        rest, column = tensors[wide].clone(), 0
        for (start, stop), rank in parts:
            rest[start:stop, column : column + rank] = 0
            column += rank
        if bool(rest.any()):
            return False
    return True


def padded(parts: Sequence[tuple[Rows, Tensor]], rows: int) -> Tensor:
    """The sum of tensors of some rows each, as one of all `rows` rows."""
    whole = parts[0][1].new_zeros(rows, *parts[0][1].shape[1:])
    for (start, stop), part in parts:
        whole[start:stop] += part
    return whole
