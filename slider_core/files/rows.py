"""Rows and columns of the weight that the tensors of an adapter are for."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from .errors import SliderFileError
from .fused import ALPHA, DORA, DOWN, MID, UP, pairs_of
from .layout import Place

# Tensors whose first dimension is the rows of the weight, and those that do not know of them.
ROWS = {
    UP,
    "lora_B.weight",
    "lora_magnitude_vector",
    "magnitude",
    DORA,
    "diff",
    "diff_b",
    "hada_w1_a",
    "hada_w2_a",
}
WITHOUT_ROWS = {DOWN, "lora_A.weight", ALPHA, "hada_w1_b", "hada_w2_b"}


def check(named: Mapping[str, Tensor], place: Place) -> None:
    """Whether the tensors are for a weight of this shape.

    Raises:
        SliderFileError: if not, or if one of a pair of them is missing.
    """
    for pair in pairs_of(named):
        if pair[1] not in named:
            raise SliderFileError(f"{pair[1]} is missing beside it")
    start, stop = place.rows or (0, place.layer_rows)
    rows, columns = height(named), _columns(named)
    if rows not in (None, stop - start):
        raise SliderFileError(f"for {rows} rows, and the layer has {stop - start}")
    if place.columns and columns not in (None, place.columns):
        raise SliderFileError(f"for {columns} columns, and the layer has {place.columns}")


def height(named: Mapping[str, Tensor]) -> int | None:
    """How many rows of a weight the tensors change; None where they do not say it."""
    if UP in named:
        return len(named[UP])
    if "hada_w1_a" in named:
        return named["hada_w1_a"].shape[1 if "hada_t1" in named else 0]
    if first := [named[name] for name in ("lokr_w1", "lokr_w1_a") if name in named]:
        second = named["lokr_w2"] if "lokr_w2" in named else named["lokr_w2_a"]
        return len(first[0]) * second.shape[1 if "lokr_t2" in named else 0]
    if "oft_blocks" in named:
        return named["oft_blocks"].shape[-3] * named["oft_blocks"].shape[-1]
    if "weight" in named and not named["on_input"]:
        return named["weight"].numel()
    return len(named["diff"]) if "diff" in named else None


def _columns(named: Mapping[str, Tensor]) -> int | None:
    """How many columns of a flattened weight the tensors change; None where they do not say it."""
    if DOWN in named and MID not in named:
        return named[DOWN][0].numel()
    if "hada_w1_b" in named and "hada_t1" not in named:
        return named["hada_w1_b"].shape[1]
    if first := [named[name] for name in ("lokr_w1", "lokr_w1_b") if name in named and "lokr_t2" not in named]:
        second = named["lokr_w2"][0].numel() if "lokr_w2" in named else named["lokr_w2_b"].shape[1]
        return first[0].shape[1] * second
    return named["diff"][0].numel() if "diff" in named else None


def swapped(named: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """With the halves of the rows in each other's place; the same for both ways."""
    if unsaid := named.keys() - ROWS - WITHOUT_ROWS:
        raise SliderFileError(f"diffusers has the rows in another order, which {min(unsaid)} cannot be put in")
    return {
        name: tensor.roll(len(tensor) // 2, 0) if name in ROWS and len(tensor) > 1 else tensor
        for name, tensor in named.items()
    }
