"""A training from its settings to its file: what Train Slider and `run.py train` share."""

from .parts import Parts
from .request import request_of
from .run import Progress, TrainingRun

__all__ = ["Parts", "Progress", "TrainingRun", "request_of"]
