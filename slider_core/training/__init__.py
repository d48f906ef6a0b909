"""Training: a request goes in, events come out on the way, a slider at the end."""

from .events import Intermediate, Message, Paused, StepDone, Stopped, TrainedSlider
from .last_good import ExplodedError, NotFiniteError
from .loop import train
from .request import RequestError, TrainRequest

__all__ = [
    "ExplodedError",
    "Intermediate",
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
