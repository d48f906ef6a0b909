"""What a training finds on disk of an earlier run, and leaves there for a later one."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ..files import to_slider
from ..files.atomic import NotWrittenError
from .checkpoint import read_checkpoint, restore, write_checkpoint
from .events import Event, Message, TrainedSlider
from .fingerprint import fingerprint
from .finished import LOSSES, TRAINING, finished, losses_text
from .on_model import OnModel
from .processes import Processes
from .request import TrainRequest
from .state import State


class Kept:
    """The state and the result of one training; of several processes the first one reads and writes.

    Args:
        started: when, by `time.perf_counter`.

    Attributes:
        continued_from: step at which it took over from a checkpoint.
    """

    def __init__(
        self,
        request: TrainRequest,
        slider: OnModel,
        state: State,
        tell: Callable[[Event], None],
        processes: Processes,
        started: float,
    ):
        self.request, self.slider, self.state = request, slider, state
        self.tell, self.processes, self.started = tell, processes, started
        self.continued_from = 0
        known = processes.first and (request.checkpoint or request.sliders)
        self.fingerprint = fingerprint(request, slider.parameters) if known else ""

    @property
    def checkpoint(self) -> Path | None:
        """Where the state of this very training is kept, if it is: no other training has the same file."""
        path = self.request.checkpoint if self.request.checkpoint_every else None
        return path and path.with_name(f"{path.name}-{self.fingerprint[:12]}.safetensors")

    def finished_before(self) -> TrainedSlider | None:
        """The slider of this very training, if that is asked for and its file is there."""
        request = self.request
        if not (request.sliders and request.resume):
            return None
        metadata = {**request.description, TRAINING: self.fingerprint, "steps": str(request.steps)}
        return finished(request.sliders, to_slider(self.slider.adapters, metadata))

    def resume(self) -> None:
        """Takes over from the checkpoint of this very training, if that is asked for and there is one."""
        path = self.checkpoint
        if not (path and self.request.resume):
            return
        if stored := self.processes.from_first(lambda: read_checkpoint(path, self.fingerprint)):
            restore(self.state, stored, path)
            self.continued_from = self.state.step
            if self.state.step < self.request.steps:
                self.tell(Message(f"Continued from step {self.state.step} of {self.request.steps}."))

    def keep(self) -> None:
        """Writes the checkpoint, where one is wanted; that it cannot be written does not end the training."""
        self.state.settle()
        if not (self.checkpoint and self.state.step and self.processes.first):
            return
        try:
            write_checkpoint(self.checkpoint, self.fingerprint, self.state)
        except NotWrittenError as error:
            self.tell(Message(f"The state of the training is not kept: {error}"))

    def result(self) -> TrainedSlider:
        """What the training has come to."""
        self.state.settle()
        training = {TRAINING: self.fingerprint} if self.fingerprint else {}
        losses = {LOSSES: losses_text(self.state.losses["loss"])} if self.state.step else {}
        metadata = {**self.request.description, "steps": str(self.state.step), **training, **losses}
        return TrainedSlider(
            slider=to_slider(self.slider.adapters, metadata),
            losses=self.state.losses,
            steps=self.state.step,
            seconds=time.perf_counter() - self.started,
            continued_from=self.continued_from,
            finished_before=self.continued_from >= self.request.steps,
            checkpoint=self.checkpoint,
        )
