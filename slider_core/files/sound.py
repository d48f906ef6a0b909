"""Whether the tensors of a LoRA can be what their names say, before anything is computed with them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ..given import quoted
from .errors import SliderFileError
from .fused import ALPHA, DORA, DOWN, MID, PAIRS, UP
from .keys import SUFFIXES, taken_apart
from .slider import Slider

# Tensors of a module that are there together or not at all.
TOGETHER = (
    {UP, DOWN},
    {"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"},
    {"hada_t1", "hada_t2"},
    {"lokr_w1_a", "lokr_w1_b"},
    {"lokr_w2_a", "lokr_w2_b"},
    {"a1.weight", "a2.weight", "b1.weight", "b2.weight"},
)
LONGEST = 250  # characters of a tensor's name
TUCKER = (MID, "hada_t1", "lokr_t2")  # a third tensor between the two of a pair


def sound(slider: Mapping[str, Tensor]) -> Slider:
    """The slider, with weights of 8 bits in float16, which holds them exactly.

    Raises:
        SliderFileError: for a tensor that has an impossible shape or type, or holds NaN or infinity; and for half a
            LoKr. Layers of which other parts are missing are left to those who use them.
    """
    whole = Slider(
        {key: _checked(key, tensor) for key, tensor in slider.items()}, getattr(slider, "metadata", None)
    )
    modules: dict[str, dict[str, Tensor]] = {}
    for key, tensor in whole.items():
        prefix, suffix = taken_apart(key)
        if suffix:
            modules.setdefault(prefix, {})[SUFFIXES[suffix]] = tensor
    for prefix, tensors in modules.items():
        if not _is_incomplete(tensors):
            _check_module(quoted(prefix), tensors)
    return whole


def _is_incomplete(tensors: Mapping[str, Tensor]) -> bool:
    """Whether a part of a layer is missing, which those who use it leave out and name."""
    return any(group & tensors.keys() and group - tensors.keys() for group in TOGETHER)


def _checked(key: str, tensor: Tensor) -> Tensor:
    if not isinstance(key, str) or not isinstance(tensor, Tensor):
        raise SliderFileError(f"a slider holds tensors by name, not {quoted(tensor)} as {quoted(key)}.")
    if len(key) > LONGEST:
        raise SliderFileError(
            f"a tensor has a name of {len(key)} characters, {quoted(key)}; names of layers have at most {LONGEST}."
        )
    if tensor.is_floating_point():
        tensor = tensor if tensor.element_size() > 1 else tensor.to(torch.float16)
        if not bool(torch.isfinite(tensor).all()):
            raise SliderFileError(
                f"tensor {quoted(key)} holds NaN or infinity, so its training has failed. Take an earlier file."
            )
    elif tensor.is_complex() or key.endswith((".weight", *(f".{name}" for pair in PAIRS for name in pair))):
        raise SliderFileError(f"tensor {quoted(key)} is {tensor.dtype}, which is no weight of a LoRA.")
    return tensor


def _check_module(name: str, tensors: Mapping[str, Tensor]) -> None:
    halves = [half for half in ("lokr_w1", "lokr_w2") if tensors.keys() & {half, f"{half}_a"}]
    if len(halves) == 1:
        raise SliderFileError(f"{name} has a {halves[0]} alone, so the file is not whole.")
    for key, tensor in tensors.items():
        if key == ALPHA and tensor.numel() != 1:
            raise SliderFileError(f"alpha of {name} has {tensor.numel()} values; it must be one number.")
        if key not in (ALPHA, "reshape_weight") and (tensor.ndim < 1 or not tensor.numel()):
            raise SliderFileError(f"{key} of {name} is empty or a single number; it must be a matrix.")
    for wide, thin in PAIRS:
        if wide in tensors:
            _check_pair(name, tensors, wide, thin)


def _check_pair(name: str, tensors: Mapping[str, Tensor], wide: str, thin: str) -> None:
    first, second = tensors[wide], tensors[thin]
    fit = first.ndim >= 2 and second.ndim >= 2
    if fit and not tensors.keys() & set(TUCKER):
        fit = first.shape[1] == second.shape[0]
    elif fit and MID in tensors:
        between = tensors[MID].shape
        fit = len(between) > 2 and (first.shape[1], second.shape[0]) == (between[0], between[1])
    if not fit:
        shapes = " and ".join("×".join(map(str, tensor.shape)) or "a number" for tensor in (first, second))
        raise SliderFileError(f"{wide} and {thin} of {name} do not fit together: they are {shapes}.")
    if DORA in tensors and wide == UP:
        sizes, count = (len(first), second.flatten(1).shape[1], second.shape[1]), tensors[DORA].numel()
        if count not in sizes:
            raise SliderFileError(
                f"dora_scale of {name} has {count} magnitudes; the layer has {sizes[0]} rows."
            )
