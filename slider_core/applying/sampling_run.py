"""The start of a sampling run: which sliders are in the weights, and which get a strength for each row.

A slider is in the weights while the whole run has one strength for it, in every step (but see `latest_run`). On a
model that does not sample, the strength that the slider was applied with is in the weights: so merges, saves and
training see it.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..architectures import batch_dims
from ..architectures.quirks import kept_of_prompts
from .applied import BY_ROW, ByRow
from .guidance import with_strengths_of_prompt
from .latest_run import on_loaded_weights, remember
from .placed import Sliders
from .slider_names import check_names


def sampling_run(executor: Any, noise: Tensor, *args: Any, **kwargs: Any) -> Any:
    """A wrapper on OUTER_SAMPLE: runs with each slider in the weights or by rows, as the prompts ask."""
    guider = executor.class_obj
    patcher = guider.model_patcher
    sliders = Sliders.of(patcher)
    guider.conds = with_strengths_of_prompt(guider.conds, noise.shape[2:])
    entries = [entry for of_prompt in guider.conds.values() for entry in of_prompt or ()]
    check_names(entries, [placed.slider for placed in sliders.placed])
    plan = sliders.plan(entries)
    options = guider.model_options["transformer_options"]
    models = [patcher.model, *(p.model for p in patcher.get_additional_models_with_key("multigpu"))]
    others = [p.slider for p, strength in zip(sliders.placed, plan, strict=True) if strength is None]
    beside = on_loaded_weights(sliders, patcher, plan) if not others else None
    guider.model_patcher, lacking = beside or (sliders.patched(patcher, plan), [])
    dims = batch_dims(patcher) if others or lacking else {}
    by_row = [ByRow(slider, dims, models) for slider in others]
    by_row += [ByRow(slider, dims, models, difference=difference) for slider, difference in lacking]
    options[BY_ROW] = by_row
    _forget_prompts(patcher.model)
    try:
        samples = executor(noise, *args, **kwargs)
        if beside is None:
            remember(sliders, patcher, plan, guider.model_patcher)
        return samples
    finally:
        guider.model_patcher = patcher
        _forget_prompts(patcher.model)
        for slider in by_row:
            slider.free()


def _forget_prompts(model: Any) -> None:
    """What a model has made of a prompt with other weights is not for this run."""
    for name in kept_of_prompts(model.diffusion_model):
        setattr(model.diffusion_model, name, [])
