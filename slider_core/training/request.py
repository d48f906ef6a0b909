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
from .mismatch import other_vae
from .objectives import OBJECTIVES
from .optimisers import OPTIMISERS, SCHEDULES
from .timesteps import DENSITIES

# The least and the greatest value of each number; whole ones are int.
LIMITS: dict[str, tuple[float, float]] = {
    "steps": (1, 10_000_000),
    "learning_rate": (1e-12, 100.0),
    "warmup": (0, 10_000_000),
    "weight_decay": (0.0, 1000.0),
    "max_norm": (0.0, 1e9),
    "anchor_weight": (0.0, 1e6),
    "anchor_below": (0.0, 1.0),
    "seed": (0, 2**64 - 1),
    "rows_at_once": (0, 1_000_000),
    "checkpoint_every": (0, 10_000_000),
    "pause_every": (0, 10_000_000),
}


class RequestError(ValueError):
    """A training setting is out of range or does not go with another."""


@dataclass(frozen=True)
class TrainRequest:
    """What to train, on what, and how.

    Attributes:
        model: ComfyUI's ModelPatcher, as it comes from the graph.
        plan: each target and the adapter it gets.
        cycle: where the examples come from.
        control_net: a ControlNet that is active in training, given to examples with a control picture.
        train_control: whether the targets are the ControlNet's and not the model's.
        vae: ComfyUI's, for ControlNets that take encoded control pictures.
        anchor_weight: of the loss on neutral pictures, against 1 for the others.
        anchor_below: noise level, 0 (clean) to 1, above which neutral pictures do not hold the slider still: at
            high noise every picture looks alike, so an anchor there fights the concept itself.
        density: which noise levels are drawn; see `timesteps.draw_levels`.
        max_norm: gradients are clipped to this norm; 0 turns it off.
        dtype: of the adapters and the optimiser's state.
        rows_at_once: rows of one model call; 0 means all of a step, halved when memory runs out.
        checkpointing: recompute each block in the backward pass instead of keeping its activations.
        assistant: a frozen adapter that is on, at +1, in training only.
        start_from: tensors of a slider whose weights training starts with.
        checkpoint: folder and name (without ending) of the file that the state of training is written to, every
            `checkpoint_every` steps, when it is cancelled and at the end.
        resume: continue from the checkpoint of this very training, if there is one.
        pause_every: a `Paused` event every so many steps, in which the model may be sampled; 0 means never.
        description: string metadata for the slider file (bucket names are added).
    """

    model: Any
    plan: Sequence[tuple[Target, AdapterConfig]]
    cycle: Cycle
    steps: int = 300
    learning_rate: float = 2e-4
    optimiser: str = "AdamW"
    schedule: str = "cosine"
    warmup: int = 0
    weight_decay: float = 0.0
    max_norm: float = 1.0
    objective: str = "denoise"
    anchor_weight: float = 1.0
    anchor_below: float = 0.5
    density: str = "auto"
    seed: int = 0
    dtype: torch.dtype = torch.float32
    rows_at_once: int = 0
    checkpointing: bool = False
    control_net: Any = None
    train_control: bool = False
    vae: Any = None
    assistant: Mapping[str, Tensor] | None = None
    start_from: Mapping[str, Tensor] | None = None
    checkpoint: Path | None = None
    checkpoint_every: int = 50
    resume: bool = False
    pause_every: int = 0
    description: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        choices = (
            ("objective", self.objective, OBJECTIVES),
            ("optimiser", self.optimiser, OPTIMISERS),
            ("schedule", self.schedule, SCHEDULES),
            ("noise levels", self.density, DENSITIES),
        )
        for what, value, known in choices:
            if value not in known:
                raise RequestError(f"There is no {what} {value!r}; choose one of {', '.join(known)}.")
        if reason := untrainable(self.model) or other_vae(self.cycle.buckets, self.model):
            raise RequestError(reason)
        if not self.plan:
            raise RequestError("There are no targets to train. Connect SliderTargets.")
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            kind = int if isinstance(low, int) else (int, float)
            if not (isinstance(value, kind) and low <= value <= high):  # NaN is in no range
                raise RequestError(f"{name} must be a number from {low:g} to {high:g}; it is {value!r}.")
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
        if self.train_control and any(e.control is None for b in self.cycle.buckets for e in b.examples):
            raise RequestError(
                "The targets are a ControlNet's, but not every picture has a control picture. Connect control images "
                "to each Load Slider Bucket, and the ControlNet to Train Slider."
            )
        if self.train_control and self.control_net is None:
            raise RequestError("The targets are a ControlNet's: connect that ControlNet to Train Slider too.")
