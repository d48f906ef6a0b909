"""Applies sliders to a ComfyUI model: in its weights where the strength is constant, else a strength per prompt.

A slider of one constant strength is a patch of the weights, as a LoRA in ComfyUI's own loader is. At the start of a
sampling run (see `sampling_run`), sliders whose prompts or latents have strengths of their own are taken out of the
weights; a wrapper on CALC_COND_BATCH reads the strengths from the conditionings, and one on APPLY_MODEL turns them
into one number per row of the batch and attaches the adapters for the time of the call.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from comfy.cli_args import args
from comfy.model_base import SeedVR2
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import WrappersMP
from torch import Tensor

from ..addition import Joined
from ..architectures import batch_dims
from ..strength import STRENGTH_KEY, Delta, Strength, StrengthError, attached, rows_of
from .differentiable import replaced
from .fused_norms import fused_norms
from .patches import change_in

READER = "concept_sliders.strengths"
BY_ROW = "concept_sliders.by_row"
"""The transformer option that has the sliders which a run has not in the weights."""


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

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.strength, self.start_percent, self.end_percent))):
            raise StrengthError(
                f"strength {self.strength}, start_percent {self.start_percent} and end_percent {self.end_percent} "
                "must all be finite numbers."
            )
        if self.start_percent > self.end_percent:
            raise StrengthError(
                f"start_percent {self.start_percent:g} lies after end_percent {self.end_percent:g}, so the slider "
                "would work in no step. Exchange them."
            )

    @property
    def always(self) -> bool:
        """Whether it works in every step."""
        return self.start_percent <= 0.0 and self.end_percent >= 1.0

    def active(self, t: Tensor, percent_to_sigma: Callable[[float], float]) -> bool:
        """Whether a step at the sigmas `t` lies between start and end, as ComfyUI counts them for conditionings."""
        if self.always:
            return True
        return percent_to_sigma(self.end_percent) <= float(t.max()) <= percent_to_sigma(self.start_percent)

    def row_strengths(self, rows: int, transformer_options: Mapping[str, Any]) -> Tensor:
        """One strength for each row of a model call, chunk by chunk of conditionings."""
        given: Mapping[Any, Strength] = transformer_options.get(READER, {})
        chunks = transformer_options.get("uuids") or [None]
        window = transformer_options.get("context_window")
        per_chunk = [
            _of_window(window, given.get(uuid), self.name, self.strength, rows // len(chunks))
            for uuid in chunks
        ]
        return torch.tensor([value for chunk in per_chunk for value in chunk])


def _of_window(window: Any, given: Strength | None, slider: str, default: float, rows: int) -> list[float]:
    """`rows_of`, where the rows may be a context window's part of the latents."""
    if window is None or window.dim != 0:
        return rows_of(given, slider, default, rows)
    anchor = getattr(window, "causal_anchor_index", None)
    indices = [*window.index_list] if anchor is None or anchor < 0 else [anchor, *window.index_list]
    whole = rows_of(given, slider, default, window.total_frames)
    return [whole[index] for index in indices] * (rows // len(indices))


def apply_slider(patcher: ModelPatcher, slider: AppliedSlider) -> ModelPatcher:
    """A clone of `patcher` whose model calls run with the slider; several stack."""
    from .sampling_run import SLIDERS, Sliders, sampling_run

    clone = patcher.clone()
    sliders = Sliders.of(patcher).with_one_more(clone, slider)
    clone.set_attachments(SLIDERS, sliders)
    at_rest = sliders.by_row_at_rest
    call = partial(_call, at_rest, batch_dims(patcher) if at_rest else {})
    for kind, wrapper in (
        (WrappersMP.OUTER_SAMPLE, sampling_run),
        (WrappersMP.CALC_COND_BATCH, read_strengths),
        (WrappersMP.APPLY_MODEL, call),
    ):
        clone.remove_wrappers_with_key(kind, READER)
        clone.add_wrapper_with_key(kind, READER, wrapper)
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


@dataclass
class ByRow:
    """A slider that is not in the weights, for the time of a run.

    Attributes:
        dims: see `batch_dims`.
        models: those that the slider is on; a guider may run others beside them. (): all.
        kept: see `attached`.
    """

    slider: AppliedSlider
    dims: Mapping[str, int]
    models: Sequence[Any] = ()
    kept: Joined = field(default_factory=Joined)

    def is_on(self, model: Any) -> bool:
        return not self.models or any(model is own for own in self.models)

    def free(self) -> None:
        """ComfyUI does not know of the memory that adapters take on the device."""
        self.kept = Joined()
        for of_layer in self.slider.deltas.values():
            for change in map(change_in, of_layer):
                if change is not None:
                    change.free()


def _call(at_rest: Sequence[AppliedSlider], dims: Mapping[str, int], executor, x, t, c_concat=None,
          c_crossattn=None, control=None, transformer_options=None, **kwargs):  # fmt: skip
    """A model call with the sliders that are not in the weights; outside a sampling run, those `at_rest`."""
    options = transformer_options or {}
    model = executor.class_obj
    sliders = options[BY_ROW] if BY_ROW in options else [ByRow(s, dims) for s in at_rest]
    active = [
        (by_row, _in_network_order(model, by_row.slider.row_strengths(x.shape[0], options), options))
        for by_row in sliders
        if by_row.is_on(model) and by_row.slider.active(t, model.model_sampling.percent_to_sigma)
    ]
    with ExitStack() as stack:
        if active and hasattr(args, "disable_cuda_graphs"):  # ComfyUI 0.33 may replay what it captured without
            stack.enter_context(replaced(args, "disable_cuda_graphs", True))
        for by_row, strengths in active:
            stack.enter_context(attached(model, by_row.slider.deltas, strengths, by_row.dims, by_row.kept))
        stack.enter_context(fused_norms(model, [(by_row.slider.deltas, rows) for by_row, rows in active]))
        return executor(x, t, c_concat, c_crossattn, control, options, **kwargs)


def _in_network_order(model: Any, strengths: Tensor, transformer_options: Mapping[str, Any]) -> Tensor:
    """SeedVR2 runs a call of positive and negative prompts with its halves in each other's place."""
    prompts = transformer_options.get("cond_or_uncond")
    if isinstance(model, SeedVR2) and len(set(prompts or ())) > 1:
        return strengths.roll(len(strengths) // 2)
    return strengths
