"""LoRAs on rows of one fused weight, written as a single LoRA of the whole weight, and taken apart again.

ComfyUI's native key names have no row ranges, so q, k and v of a fused weight become one block-diagonal LoRA:
each part keeps its own columns of `lora_up` and its own rows of `lora_down`. No number changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

Rows = tuple[int, int]
Tensors = Mapping[str, Tensor]

UP, DOWN, ALPHA = "lora_up.weight", "lora_down.weight", "alpha"


def merged(parts: Sequence[tuple[Rows, Tensors]], rows: int) -> dict[str, Tensor]:
    """One LoRA of a weight with `rows` rows, equal to LoRAs on disjoint ranges of them.

    alpha / rank stays what it is; where the parts differ in it, it moves into their `lora_up`.
    """
    ratios = [float(tensors[ALPHA]) / len(tensors[DOWN]) for _, tensors in parts]
    down = torch.cat([tensors[DOWN] for _, tensors in parts])
    up = down.new_zeros(rows, len(down), *parts[0][1][UP].shape[2:])
    column = 0
    for ((start, stop), tensors), ratio in zip(parts, ratios, strict=True):
        rank = len(tensors[DOWN])
        part = tensors[UP] if ratio == ratios[0] else tensors[UP] * (ratio / ratios[0])
        up[start:stop, column : column + rank] = part
        column += rank
    return {UP: up, DOWN: down, ALPHA: torch.tensor(ratios[0] * column, dtype=torch.float64)}


def separated(tensors: Tensors, parts: Sequence[tuple[Rows, int]]) -> list[dict[str, Tensor]]:
    """The LoRAs that `merged` put together, given the rows and the rank of each."""
    ratio = float(tensors[ALPHA]) / len(tensors[DOWN])
    found, column = [], 0
    for (start, stop), rank in parts:
        columns = slice(column, column + rank)
        up, down = tensors[UP][start:stop, columns], tensors[DOWN][columns]
        found.append({UP: up.clone(), DOWN: down.clone(), ALPHA: torch.tensor(ratio * rank)})
        column += rank
    return found
