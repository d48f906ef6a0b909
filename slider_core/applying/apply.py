"""Applies sliders to a ComfyUI model: in its weights where the strength is constant, else a strength per prompt.

A slider of one constant strength is a patch of the weights, as a LoRA in ComfyUI's own loader is. At the start of a
sampling run (see `sampling_run`), sliders whose prompts or latents have strengths of their own are taken out of the
weights; a wrapper on CALC_COND_BATCH reads the strengths from the conditionings, and one on APPLY_MODEL turns them
into one number per row of the batch and attaches the adapters for the time of the call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from comfy.cli_args import args
from comfy.model_patcher import ModelPatcher
from comfy.patcher_extension import CallbacksMP, WrappersMP
from torch import Tensor

from ..architectures import batch_dims
from ..architectures.quirks import swaps_prompts
from ..replaced import replaced
from ..strength import STRENGTH_KEY, attached
from .applied import BY_ROW, READER, AppliedSlider, ByRow
from .fused_norms import fused_norms
from .placed import SLIDERS, Sliders
from .sampling_run import sampling_run

__all__ = ["READER", "AppliedSlider", "apply_slider"]


def apply_slider(patcher: ModelPatcher, slider: AppliedSlider) -> ModelPatcher:
    """A clone of `patcher` whose model calls run with the slider; several stack."""
    clone = patcher.clone()
    sliders = Sliders.of(patcher).with_one_more(clone, slider)
    clone.set_attachments(SLIDERS, sliders)
    dims = batch_dims(patcher) if sliders.by_row_at_rest else {}
    at_rest = [ByRow(by_row, dims) for by_row in sliders.by_row_at_rest]
    for kind, wrapper in (
        (WrappersMP.OUTER_SAMPLE, sampling_run),
        (WrappersMP.CALC_COND_BATCH, read_strengths),
        (WrappersMP.APPLY_MODEL, partial(_call, at_rest)),
    ):
        clone.remove_wrappers_with_key(kind, READER)
        clone.add_wrapper_with_key(kind, READER, wrapper)
    clone.remove_callbacks_with_key(CallbacksMP.ON_CLEANUP, READER)
    clone.add_callback_with_key(CallbacksMP.ON_CLEANUP, READER, partial(_free, at_rest))
    return clone


def _free(sliders: Sequence[ByRow], patcher: ModelPatcher) -> None:
    for by_row in sliders:
        by_row.free()


def read_strengths(
    executor: Any, model: Any, conds: Any, x_in: Tensor, timestep: Tensor, model_options: dict[str, Any]
) -> Any:
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


def _call(
    at_rest: Sequence[ByRow],
    executor: Any,
    x: Tensor,
    t: Tensor,
    c_concat: Any = None,
    c_crossattn: Any = None,
    control: Any = None,
    transformer_options: dict[str, Any] | None = None,
    **kwargs: Any,
) -> Any:
    """A model call with the sliders that are not in the weights; outside a sampling run, those `at_rest`."""
    options = transformer_options or {}
    model = executor.class_obj
    active = [
        (by_row, _in_network_order(model, by_row.strengths(x.shape[0], options), options))
        for by_row in options.get(BY_ROW, at_rest)
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
    """The strengths in the order in which the network has the rows of the call."""
    prompts = transformer_options.get("cond_or_uncond")
    if len(set(prompts or ())) > 1 and swaps_prompts(model):
        return strengths.roll(len(strengths) // 2)
    return strengths
