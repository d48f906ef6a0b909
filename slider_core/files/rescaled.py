"""A slider whose strength 1, in every loader, is another strength of the one given."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import groupby

import torch
from torch import Tensor

from ..curve import CURVE, curve_of
from .errors import SliderFileError
from .fused import ALPHA, BIAS, DORA, UP
from .keys import SUFFIXES, for_text_encoder, taken_apart
from .metadata import read_facts
from .slider import Slider

# What a layer's change is in proportion to, by LyCORIS's names: the first that it has is multiplied.
FACTORS = ("lokr_w1", "lokr_w1_a", ALPHA, UP, "hada_w1_a", "diff")
# Kinds whose change is in proportion to none.
BENT = (DORA, "magnitude", "oft_blocks", "on_input", "set_weight")
OF_ONE_SCALE = (
    "concept_sliders.training",
    "concept_sliders.sweep",
)  # metadata that is not true of another scale


def unit_of(slider: Mapping[str, Tensor]) -> float:
    """The strength up to which both sides of a slider can be used: what ±1 should be.

    Raises:
        SliderFileError: if it has not been measured, or has no range.
    """
    curve, measured = curve_of(slider), read_facts(getattr(slider, "metadata", {}))[0].usable_range
    low, high = (curve.raw(-1.0), curve.raw(1.0)) if curve else measured or (0.0, 0.0)
    unit = min(-low, high) or max(-low, high)
    if not unit > 0:
        raise SliderFileError(
            "the slider has no measured usable range. Run Slider Sweep and connect its output slider, or save it as "
            "trained."
        )
    return unit


def rescaled(slider: Mapping[str, Tensor], factor: float) -> Slider:
    """The slider whose strength 1 is `factor` of this one; range and response curve in its metadata follow.

    Raises:
        SliderFileError: for kinds whose change is not in proportion to the strength (DoRA, OFT, BOFT, IA³, norms).
    """
    text = set(for_text_encoder(slider))
    tensors = dict(slider)
    own = sorted((taken_apart(key), key) for key in slider if key not in text)
    for layer, group in groupby(own, key=lambda entry: entry[0][0]):
        named = {SUFFIXES.get(suffix, suffix): key for (_, suffix), key in group}
        for key in _multiplied(layer, named):
            wide = torch.float32 if taken_apart(key)[1] == f".{ALPHA}" else slider[key].dtype
            tensors[key] = (slider[key].double() * factor).to(wide)
    return Slider(tensors, _metadata(slider, factor))


def _multiplied(layer: str, named: Mapping[str, str]) -> list[str]:
    """The keys of a layer's tensors to multiply, by the tensors' names."""
    bent = next((name for name in BENT if name in named), None)
    found = next((named[name] for name in FACTORS if name in named), None)
    bias = [named[BIAS]] if BIAS in named else []
    if bent or not (found or bias):
        what = f" ({bent})" if bent else ""
        raise SliderFileError(
            f"the change of {layer}{what} is not in proportion to the strength, so the slider cannot be scaled. Save "
            "it as trained."
        )
    return [*([found] if found else []), *bias]


def _metadata(slider: Mapping[str, Tensor], factor: float) -> dict[str, str]:
    metadata = {k: v for k, v in getattr(slider, "metadata", {}).items() if k not in OF_ONE_SCALE}
    if measured := read_facts(metadata)[0].usable_range:
        metadata["usable_range"] = json.dumps([round(end / factor, 6) + 0.0 for end in measured])
    if curve := curve_of(slider):
        metadata[CURVE] = curve.scaled(factor).as_json()
    try:
        metadata["alpha"] = ", ".join(f"{float(part) * factor:g}" for part in metadata["alpha"].split(","))
    except (KeyError, ValueError):  # says nothing, or nothing that can be read
        metadata.pop("alpha", None)
    return metadata
