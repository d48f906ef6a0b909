"""Training: a request goes in, events come out on the way, a slider at the end."""

from .events import Message, Paused, StepDone, Stopped, TrainedSlider
from .loop import NotFiniteError, train
from .request import RequestError, TrainRequest

__all__ = [
    "Message",
    "NotFiniteError",
    "Paused",
    "RequestError",
    "StepDone",
    "Stopped",
    "TrainRequest",
    "TrainedSlider",
    "train",
]
