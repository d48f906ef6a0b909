"""Everything that a training run is made from, in one frozen object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..adapters.base import AdapterConfig
from ..architectures import Target, untrainable
from ..data.cycle import Cycle
from ..files import SliderFileError, sound
from ..settings import LoopSettings, SettingsError
from .mismatch import other_vae


class RequestError(SettingsError):
    """A training setting is out of range or does not go with another."""


@dataclass(frozen=True)
class TrainRequest(LoopSettings):
    """What to train, on what, and how; the settings of the steps themselves are those of `LoopSettings`.

    Attributes:
        model: ComfyUI's ModelPatcher, as it comes from the graph.
        plan: each target and the adapter it gets.
        cycle: where the examples come from.
        control_net: a ControlNet that is active in training, given to examples with a control picture.
        train_control: whether the targets are the ControlNet's and not the model's.
        vae: ComfyUI's, for ControlNets that take encoded control pictures.
        dtype: of the adapters and the optimiser's state.
        assistant: a frozen adapter that is on, at +1, in training only.
        start_from: tensors of a slider whose weights training starts with.
        checkpoint: folder and name (without ending) of the file that the state of training is written to, every
            `checkpoint_every` steps, when it is cancelled and at the end; 0 writes none.
        sliders: folder in which the file of this very training is looked for, in case it was finished before.
        resume: continue from the checkpoint of this very training, if there is one, or give its finished slider.
        description: string metadata for the slider file (bucket names are added).
    """

    ERROR = RequestError

    model: Any
    plan: Sequence[tuple[Target, AdapterConfig]]
    cycle: Cycle
    dtype: torch.dtype = torch.float32
    control_net: Any = None
    train_control: bool = False
    vae: Any = None
    assistant: Mapping[str, Tensor] | None = None
    start_from: Mapping[str, Tensor] | None = None
    checkpoint: Path | None = None
    sliders: Path | None = None
    resume: bool = False
    description: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        if reason := untrainable(self.model) or other_vae(self.cycle.buckets, self.model):
            raise RequestError(reason)
        if not self.plan:
            raise RequestError("There are no targets to train. Connect SliderTargets.")
        for name in ("start_from", "assistant"):
            try:
                sound(getattr(self, name) or {})
            except SliderFileError as error:
                raise RequestError(f"{name}: {error}") from None
        both_sides = self.cycle.mode == "together" and self.cycle.size(+1) and self.cycle.size(-1)
        if self.objective == "difference" and not both_sides:
            raise RequestError(
                "The objective 'difference' compares a positive with a negative picture in every step. Use cycle "
                "'together' with pictures on both sides, or the objective 'denoise'."
            )
        if self.objective == "prompts" and any(e.words is None for b in self.cycle.buckets for e in b.examples):
            raise RequestError(
                "The objective 'prompts' trains on words alone, and some buckets hold pictures. Connect the cycle of "
                "Slider from Words, or choose 'denoise', which takes both."
            )
        if self.train_control and any(e.control is None for b in self.cycle.buckets for e in b.examples):
            raise RequestError(
                "The targets are a ControlNet's, but not every picture has a control picture. Connect control images "
                "to each Load Slider Bucket, and the ControlNet to Train Slider."
            )
        if self.train_control and self.control_net is None:
            raise RequestError("The targets are a ControlNet's: connect that ControlNet to Train Slider too.")
