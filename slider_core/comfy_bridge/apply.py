"""Applies sliders to a ComfyUI model: a strength per prompt, brought to each model call and gone after it.

A wrapper on CALC_COND_BATCH reads the strengths from the conditionings; a wrapper on APPLY_MODEL turns them
into one number per row of the batch and attaches the adapters for the time of the call. Neither patches a
weight nor injects a module, so clones that share weights cannot see each other's strengths.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import torch
from comfy.model_base import SeedVR2
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import WrappersMP
from torch import Tensor

from ..architectures import batch_dims
from ..strength import STRENGTH_KEY, Delta, Strength, attached, rows_of

READER = "concept_sliders.strengths"


@dataclass(frozen=True)
class AppliedSlider:
    """A slider as one SliderApply node sets it.

    Attributes:
        deltas: layer name, from the root of the model, to its adapters.
        strength: used by every conditioning that carries no strength of its own.
        name: what a SliderStrength node picks this slider by.
        start_percent, end_percent: part of the sampling, 0 (first step) to 1 (last), in which it works.
    """

    deltas: Mapping[str, Sequence[Delta]]
    strength: float = 1.0
    name: str = ""
    start_percent: float = 0.0
    end_percent: float = 1.0

    def active(self, sigma: float, percent_to_sigma: Callable[[float], float]) -> bool:
        """Whether a step at `sigma` lies between start and end, as ComfyUI counts them for conditionings."""
        starts = percent_to_sigma(self.start_percent)
        return percent_to_sigma(self.end_percent) <= sigma <= starts or self._always

    @property
    def _always(self) -> bool:
        return self.start_percent <= 0.0 and self.end_percent >= 1.0

    def row_strengths(self, rows: int, transformer_options: Mapping[str, Any]) -> Tensor:
        """One strength for each row of a model call, chunk by chunk of conditionings."""
        given: Mapping[Any, Strength] = transformer_options.get(READER, {})
        chunks = transformer_options.get("uuids") or [None]
        per_chunk = [rows_of(given.get(uuid), self.name, self.strength, rows // len(chunks)) for uuid in chunks]
        return torch.tensor([value for chunk in per_chunk for value in chunk])


def apply_slider(patcher: ModelPatcher, slider: AppliedSlider) -> ModelPatcher:
    """A clone of `patcher` whose model calls run with the slider; several stack."""
    clone = patcher.clone()
    if not clone.get_wrappers(WrappersMP.CALC_COND_BATCH, READER):
        clone.add_wrapper_with_key(WrappersMP.CALC_COND_BATCH, READER, read_strengths)
    key = f"concept_sliders.{uuid4()}"
    clone.add_wrapper_with_key(WrappersMP.APPLY_MODEL, key, _call_with(slider, batch_dims(patcher)))
    return clone


def read_strengths(executor, model, conds, x_in, timestep, model_options):
    """Brings the strengths that the conditionings carry to the model calls made for them."""
    given = {
        entry["uuid"]: entry[STRENGTH_KEY]
        for entries in conds
        for entry in entries or ()
        if entry.get(STRENGTH_KEY) is not None
    }
    if given:
        options = {**model_options.get("transformer_options", {}), READER: given}
        model_options = {**model_options, "transformer_options": options}
    return executor(model, conds, x_in, timestep, model_options)


def _call_with(slider: AppliedSlider, dims: Mapping[str, int]):
    def call(executor, x, t, c_concat=None, c_crossattn=None, control=None, transformer_options=None, **kwargs):
        options = transformer_options or {}
        args = (x, t, c_concat, c_crossattn, control, options)
        model = executor.class_obj
        if not slider.active(float(t.max()), model.model_sampling.percent_to_sigma):
            return executor(*args, **kwargs)
        strengths = _in_network_order(model, slider.row_strengths(x.shape[0], options), options)
        with attached(model, slider.deltas, strengths, dims):
            return executor(*args, **kwargs)

    return call


def _in_network_order(model: Any, strengths: Tensor, transformer_options: Mapping[str, Any]) -> Tensor:
    """SeedVR2 runs a call of positive and negative prompts with its halves in each other's place."""
    prompts = transformer_options.get("cond_or_uncond")
    if isinstance(model, SeedVR2) and len(set(prompts or ())) > 1:
        return strengths.roll(len(strengths) // 2)
    return strengths
