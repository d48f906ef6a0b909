"""One training from its settings to its file: what it tells on the way, and what is kept however it ends."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from comfy.model_management import InterruptProcessingException
from PIL import Image

from ..evaluation.report_text import text_of
from ..evaluation.response import measured_slider
from ..files import WARNING, notes_on
from ..files.atomic import NotWrittenError
from ..files.beside import with_thumbnail
from ..files.naming import save_numbered, slider_name
from ..given import counted
from ..settings import TrainSettings
from ..training import Intermediate, Message, NotFiniteError, Paused, StepDone, Stopped, TrainedSlider, train
from ..training.checkpoint import remove_checkpoint
from ..training.events import Event
from ..training.held_out import HeldOut, held_out_losses
from ..training.processes import ALONE, Processes
from .kept_previews import KeptPreviews
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

    Args:
        processes: the processes that do it together; the first one writes what there is to write.

    Attributes:
        path: of the slider file, once there is one.
        shown: the files of its previews, by step; also those from before it was stopped.
        held_out: what was measured on the buckets that are held out; None for nothing.
    """

    def __init__(
        self,
        parts: Parts,
        settings: TrainSettings,
        output: Path,
        progress: Progress,
        on_previews: Callable[[list[Path]], None] = lambda files: None,
        processes: Processes = ALONE,
    ):
        self.settings, self.output, self.progress = settings, output, progress
        self.on_previews, self.processes = on_previews, processes
        self.messages = list(parts.selection.warnings)
        self.path: Path | None = None
        self.preview = TrainingPreview(parts, settings)
        self.previews, self.shown = KeptPreviews(output, slider_name(settings.file_name).name), list[Path]()
        self.thumbnail: Image.Image | None = None
        self.parts = parts
        self.held_out: HeldOut | None = None
        self.request = request_of(parts, settings, output)

    def train(self) -> TrainedSlider:
        try:
            trained = train(self.request, self._on_event, self.processes)
        except NotFiniteError as error:
            raise RuntimeError(f"{error} It is in {self.path.name}." if self.path else str(error)) from error
        with self.processes.together():
            return self._end(trained) if self.processes.first else trained

    def _end(self, trained: TrainedSlider) -> TrainedSlider:
        if trained.finished_before:
            self._say_finished(trained)
        trained = self._measured(trained)
        if self.thumbnail is not None:
            trained = replace(trained, slider=with_thumbnail(trained.slider, self.thumbnail))
        self.path = trained.file or self._write(trained)
        if self.path and not self.settings.keep_checkpoint:
            remove_checkpoint(trained.checkpoint)
        self._measure_held_out(trained)
        return trained

    def _measure_held_out(self, trained: TrainedSlider) -> None:
        """When the file is written: what cannot be measured costs no training."""
        if not self.parts.held_out:
            return
        try:
            self.held_out = held_out_losses(self.request, trained.slider, self.parts.held_out)
        except InterruptProcessingException:
            raise
        except Exception as error:  # memory runs out, pictures of another model, …
            self._say(f"{WARNING} What is held out could not be measured ({error}).")
            return
        for line in self.held_out.lines():
            self._say(line)

    def _measured(self, trained: TrainedSlider) -> TrainedSlider:
        """With range and response curve, where previews are made anyway; a sweep that fails costs no training."""
        wanted = self.settings.preview_every and self.settings.store_curve
        if not wanted or trained.finished_before:
            return trained
        try:
            report = self.preview.report(trained.slider)
        except InterruptProcessingException:
            self._write(trained)
            raise
        except Exception as error:  # memory runs out, …
            self._say(f"{WARNING} The slider's range could not be measured ({error}). Slider Sweep can do it.")
            return trained
        self._say(
            f"{text_of(report).splitlines()[0]}, on {counted(report.rows, 'row')}; Slider Sweep tells more."
        )
        return replace(trained, slider=measured_slider(trained.slider, report))

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
            case Intermediate():
                self._write(event.result, f"step_{event.result.steps}", "The slider so far is in")
            case Stopped():
                self._keep(event.result)

    def _show(self, result: TrainedSlider) -> None:
        """A preview that cannot be made or kept costs no training."""
        try:
            self.thumbnail = self.preview.picture(result.slider)
            self.progress.picture(self.thumbnail)
            self.shown = self.previews.add(result, self.thumbnail)
            self.on_previews(self.shown)
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
        layers = len({target.key for target, _ in self.request.plan})
        lines = [
            f"{counted(trained.steps, 'step')} in {trained.seconds:.0f} s; adapters on {counted(layers, 'layer')}."
        ]
        if trained.finished_before:
            lines = [self.messages[0], f"It has {counted(trained.steps, 'step')}; nothing new was trained."]
        lines = list(dict.fromkeys([*lines, *self.messages, *notes_on(trained.slider)]))
        return "\n".join(sorted(lines, key=lambda line: not line.startswith(WARNING)))  # warnings first
