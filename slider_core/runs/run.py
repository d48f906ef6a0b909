"""One training from its settings to its file: what it tells on the way, and what is kept however it ends."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Protocol

from comfy.model_management import InterruptProcessingException
from PIL import Image

from ..files import WARNING, notes_on
from ..files.atomic import NotWrittenError
from ..files.naming import save_numbered
from ..settings import TrainSettings
from ..training import Message, NotFiniteError, Paused, StepDone, Stopped, TrainedSlider, train
from ..training.checkpoint import remove_checkpoint
from ..training.events import Event
from .parts import Parts
from .preview import TrainingPreview
from .request import request_of


class Progress(Protocol):
    """Shows how a training goes; what `step` raises ends it."""

    def step(self, done: StepDone) -> None: ...

    def line(self, text: str) -> None: ...

    def picture(self, image: Image.Image) -> None: ...


class TrainingRun:
    """One execution of Train Slider, on the page or without one.

    Attributes:
        path: of the slider file, once there is one.
    """

    def __init__(self, parts: Parts, settings: TrainSettings, output: Path, progress: Progress):
        self.settings, self.output, self.progress = settings, output, progress
        self.messages = list(parts.selection.warnings)
        self.path: Path | None = None
        self.preview = TrainingPreview(parts, settings)
        self.request = request_of(parts, settings, output)

    def train(self) -> TrainedSlider:
        try:
            trained = train(self.request, self._on_event)
        except NotFiniteError as error:
            raise RuntimeError(f"{error} It is in {self.path.name}." if self.path else str(error)) from error
        if trained.finished_before:
            self._say_finished(trained)
        self.path = trained.file or self._write(trained)
        if self.path and not self.settings.keep_checkpoint:
            remove_checkpoint(trained.checkpoint)
        return trained

    def _say_finished(self, trained: TrainedSlider) -> None:
        """First in the report; without a file, the slider comes from a checkpoint that was kept."""
        gone = "; its file has gone, so it is written again."
        self.messages.insert(
            0, f"This very training was finished before{f': {trained.file.name}.' if trained.file else gone}"
        )
        self.progress.line(self.messages[0])

    def _write(self, result: TrainedSlider, ending: str = "", said: str = "Written to") -> Path | None:
        """A full disk costs no training: the slider is still given to the caller."""
        try:
            path = save_numbered(result.slider, self.output, self.settings.file_name, ending)
        except NotWrittenError as error:
            self._say(
                f"{error} The slider itself is on this node's output: connect Save Slider to write it elsewhere."
            )
            return None
        self._say(f"{said} {path.name}; apply it with Apply Slider or any LoRA loader.")
        return path

    def _on_event(self, event: Event) -> None:
        match event:
            case StepDone():
                self.progress.step(event)
            case Message():
                self._say(event.text)
            case Paused():
                self._show(event.result)
            case Stopped():
                self._keep(event.result)

    def _show(self, result: TrainedSlider) -> None:
        """A preview that cannot be made costs no training."""
        try:
            self.progress.picture(self.preview.picture(result.slider))
        except InterruptProcessingException:
            raise
        except Exception as error:  # memory runs out, a prompt for another model, …
            self._say(f"{WARNING} There is no preview ({error}). Training goes on without.")

    def _say(self, text: str) -> None:
        if text.startswith(WARNING):
            logging.warning(text)
        self.messages.append(text)
        self.progress.line(text)

    def _keep(self, result: TrainedSlider) -> None:
        """A training that ends early leaves what it has come to, under a name that says so."""
        if result.steps:
            said = f"Stopped at step {result.steps}; the slider so far is in"
            self.path = self._write(result, f"stopped_at_{result.steps}", said)

    def report(self, trained: TrainedSlider) -> str:
        """What was trained, how it went, and where the file is."""
        lines = [f"{trained.steps} steps in {trained.seconds:.0f} s; {len(self.request.plan)} adapters."]
        if trained.finished_before:
            lines = [self.messages[0], f"It has {trained.steps} steps; nothing new was trained."]
        if losses := [value for value in trained.losses["loss"] if value == value]:
            tenth = max(1, len(losses) // 10)
            first, last = sum(losses[:tenth]) / tenth, sum(losses[-tenth:]) / tenth
            lines.append(f"Loss {first:.4f} at the start, {last:.4f} at the end.")
        lines = list(dict.fromkeys([*lines, *self.messages, *notes_on(trained.slider)]))
        return "\n".join(sorted(lines, key=lambda line: not line.startswith(WARNING)))  # warnings first
