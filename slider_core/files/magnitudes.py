"""The base weights that some kinds depend on, and DoRA's row magnitudes.

ComfyUI and PEFT read the magnitudes differently: the base model says how to go between them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..layers import layer_at, magnitudes, weight_rows
from .errors import NeedsModelError
from .fused import ALPHA, DORA, DOWN, UP, Rows, Tensors
from .layout import Place


def base_magnitudes(place: Place, model: Any) -> Tensor:
    """|W| for the rows of a place."""
    return magnitudes(base_rows(place, model))


def magnitude_ratio(tensors: Tensors, place: Place, model: Any) -> Tensor:
    """|W| / |W + ΔW| for the rows of a place: between PEFT's DoRA magnitudes and ComfyUI's."""
    weight = base_rows(place, model)
    ratio = float(tensors[ALPHA]) / len(tensors[DOWN])
    change = ratio * tensors[UP].flatten(1).float() @ tensors[DOWN].flatten(1).float()
    return magnitudes(weight) / magnitudes(weight.flatten(1) + change)


def base_rows(place: Place, model: Any) -> Tensor:
    """The base weight at the rows of a place, in float32 on the CPU.

    Raises:
        NeedsModelError: without a model.
    """
    if model is None:
        raise NeedsModelError(
            "the kind of adapter depends on the base model's weights: connect the model to convert the slider."
        )
    with torch.inference_mode(False):
        return weight_rows(layer_at(model, place.layer), place.rows).cpu()


def with_magnitudes(
    whole: dict[str, Tensor], parts: Sequence[tuple[Rows, Tensors]], base: Callable[[], Tensor]
) -> dict[str, Tensor]:
    """Adds DoRA's magnitudes, if parts have some; in other rows they are the base weight's, `base()` [rows]."""
    given = [(at, tensors[DORA]) for at, tensors in parts if DORA in tensors]
    if not given:
        return whole
    new = base().reshape(-1, *[1] * (given[0][1].ndim - 1)).clone()
    for (start, stop), part in given:
        new[start:stop] = part.reshape(new[start:stop].shape)
    return {**whole, DORA: new}


def of_own_rows(parts: Sequence[tuple[Rows, Tensors]]) -> bool:
    """Whether magnitudes, if there are any, are of rows that no other part changes too, so that parts can be merged."""
    given = [len(tensors[DORA]) == stop - start for (start, stop), tensors in parts if DORA in tensors]
    rows = sorted(rows for rows, _ in parts)
    apart = all(one[1] <= other[0] for one, other in zip(rows, rows[1:], strict=False))
    return not given or (apart and all(given))
