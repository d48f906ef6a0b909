"""What a running training tells its caller."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..files.slider import Slider


@dataclass(frozen=True)
class TrainedSlider:
    """A slider and how it came about.

    Attributes:
        losses: per name (`loss`, `positive`, `negative`, `neutral`) one value a step; NaN where a step had none.
        steps: finished steps, those of a continued run included.
        continued_from: step at which this run took over from a checkpoint; 0 if it did not.
        finished_before: whether nothing was left to do.
        file: of a slider that was finished before, where it still lies in the request's folder.
        checkpoint: the file that keeps the state of the training, where one is wanted; for the caller to remove.
    """

    slider: Slider
    losses: dict[str, list[float]]
    steps: int
    seconds: float = 0.0
    continued_from: int = 0
    finished_before: bool = False
    file: Path | None = None
    checkpoint: Path | None = None


@dataclass(frozen=True)
class StepDone:
    """A finished step: `step` counts from 1; `losses` are this step's, by sign name and `loss` for all."""

    step: int
    steps: int
    losses: dict[str, float]
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class Message:
    """A sentence for the user: memory ran out and rows were split, a checkpoint was continued, …"""

    text: str


@dataclass(frozen=True)
class Paused:
    """Training rests and the model is as it was before, free for a preview; `result` is the slider so far."""

    result: TrainedSlider


@dataclass(frozen=True)
class Intermediate:
    """The slider so far, every `save_every` steps: to be written beside the one at the end."""

    result: TrainedSlider


@dataclass(frozen=True)
class Stopped:
    """Training ends before its last step, by cancel or error; `result` is what it has come to."""

    result: TrainedSlider
    reason: BaseException = field(repr=False)


Event = StepDone | Message | Paused | Intermediate | Stopped
