"""The base weights that some kinds depend on, and DoRA's row lengths.

ComfyUI and PEFT read the lengths differently: the base model says how to go between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..adapters.layer import layer_of, row_norms, weight_rows
from ..architectures.target import Target
from .errors import NeedsModelError
from .fused import ALPHA, DOWN, UP
from .layout import Place


def base_lengths(place: Place, model: Any) -> Tensor:
    """|W| for the rows of a place."""
    return row_norms(base_rows(place, model))


def lengths_ratio(tensors: Mapping[str, Tensor], place: Place, model: Any) -> Tensor:
    """|W| / |W + ΔW| for the rows of a place: between PEFT's DoRA lengths and ComfyUI's."""
    weight = base_rows(place, model)
    ratio = float(tensors[ALPHA]) / len(tensors[DOWN])
    change = ratio * tensors[UP].flatten(1).float() @ tensors[DOWN].flatten(1).float()
    return row_norms(weight) / row_norms(weight.flatten(1) + change)


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
        return weight_rows(layer_of(model, Target(f"{place.layer}.weight")), place.rows).cpu()
