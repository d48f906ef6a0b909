"""Runs a model or a ControlNet with sliders: in its weights, or with a strength for each row of the batch.

`applied` is a slider with its settings; `apply` puts it on a model and `control` on a ControlNet. At the start of a
run, `sampling_run` decides with `placed` which sliders are in the weights (`weight_patch`); `guidance` gives the
negative the strengths of its prompt; `fused_norms` changes norms whose layer is never called. `sampling` is the stock
KSampler with a strength for each latent.
"""

from .applied import AppliedSlider
from .apply import apply_slider
from .control import (
    ControlError,
    apply_slider_to_control_net,
    attached_to_control,
    conditioning_at,
    sliders_freed,
)
from .sampling import LatentError, OnStep, SamplerSettings, empty_latent, sample_strengths

__all__ = [
    "AppliedSlider",
    "ControlError",
    "LatentError",
    "OnStep",
    "SamplerSettings",
    "apply_slider",
    "apply_slider_to_control_net",
    "attached_to_control",
    "conditioning_at",
    "empty_latent",
    "sample_strengths",
    "sliders_freed",
]
