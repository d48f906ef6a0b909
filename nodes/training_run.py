"""From the widgets of Train Slider to a training request, and from its events to the page and to files."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import folder_paths
import torch
from comfy.model_management import InterruptProcessingException

from ..slider_core.adapters import AdapterConfig, lycoris_plan, uniform_plan
from ..slider_core.files import WARNING, describe, notes_on
from ..slider_core.files.atomic import NotWrittenError
from ..slider_core.training import (
    Message,
    NotFiniteError,
    Paused,
    StepDone,
    Stopped,
    TrainedSlider,
    TrainRequest,
    train,
)
from ..slider_core.training.finished import file_of
from .files import place_of, save_numbered
from .json_text import text_or_file
from .preview import TrainingPreview
from .progress import TrainingProgress
from .train import VARIANTS

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class TrainingRun:
    """One execution of Train Slider.

    Attributes:
        path: of the slider file, once there is one.
    """

    def __init__(self, model, targets, cycle, settings: dict[str, Any], progress: TrainingProgress):
        self.progress, self.messages = progress, list(targets.warnings)
        self.file_name, self.path = settings["file_name"], None
        self.folder = place_of(self.file_name).parent
        self.preview = TrainingPreview(model, cycle, settings)
        self.request = _request(model, targets, cycle, settings)

    def train(self) -> TrainedSlider:
        try:
            trained = train(self.request, self._on_event)
        except NotFiniteError as error:
            raise RuntimeError(f"{error} It is in {self.path.name}." if self.path else str(error)) from error
        if trained.finished_before:
            self._find(trained)
        else:
            self._write(trained)
        return trained

    def _find(self, trained: TrainedSlider) -> None:
        """The file of a training that was finished before is given again, and written again if it has gone."""
        self.path = file_of(trained.slider, self.folder)
        if self.path:
            self.messages.insert(0, f"This very training was finished before: {self.path.name}.")
        else:
            self.messages.insert(
                0, "This very training was finished before; its file has gone, so it is written again."
            )
            self._write(trained)
        self.progress.line(self.messages[0])

    def _write(self, result: TrainedSlider, ending: str = "", said: str = "Written to") -> None:
        """A full disk costs no training: the slider is still on the node's output."""
        try:
            self.path = save_numbered(result.slider, self.file_name, ending)
            self._say(f"{said} {self.path.name}; apply it with Apply Slider or any LoRA loader.")
        except NotWrittenError as error:
            self._say(
                f"{error} The slider itself is on this node's output: connect Save Slider to write it elsewhere."
            )

    def _on_event(self, event) -> None:
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
            self._write(
                result, f"stopped_at_{result.steps}", f"Stopped at step {result.steps}; the slider so far is in"
            )

    def report(self, trained: TrainedSlider) -> str:
        """What was trained, how it went, and where the file is."""
        losses = [value for value in trained.losses["loss"] if value == value]
        tenth = max(1, len(losses) // 10)
        lines = [
            f"{trained.steps} steps in {trained.seconds:.0f} s; {len(self.request.plan)} adapters.",
            f"Loss {sum(losses[:tenth]) / tenth:.4f} at the start, {sum(losses[-tenth:]) / tenth:.4f} at the end.",
        ]
        if trained.finished_before:
            lines = [self.messages[0], f"It has {trained.steps} steps; nothing new was trained.", lines[1]]
        lines = list(dict.fromkeys([*lines, *self.messages, *notes_on(trained.slider)]))
        return "\n".join(sorted(lines, key=lambda line: not line.startswith(WARNING)))  # warnings first


def _request(model, targets, cycle, settings: dict[str, Any]) -> TrainRequest:
    given = {name: settings.get(name) for name in SAME_NAME}
    plan = _plan(model, targets, settings)
    return TrainRequest(
        model=model,
        plan=plan,
        cycle=cycle,
        density=settings["noise_levels"],
        dtype=DTYPES[settings["precision"]],
        checkpointing=settings["gradient_checkpointing"],
        assistant=settings.get("assistant_lora"),
        train_control=targets.targets[0].key.startswith("control_model."),
        checkpoint=checkpoint_of(settings["file_name"]),
        resume=settings["resume"] == "continue",
        pause_every=settings["preview_every"],
        description=_description(model, targets, plan, cycle, settings),
        **given,
    )


# Settings that the request calls as the widgets do.
SAME_NAME = (
    "steps learning_rate seed objective anchor_weight anchor_below optimiser schedule warmup weight_decay max_norm "
    "rows_at_once checkpoint_every start_from control_net vae"
).split()


def checkpoint_of(file_name: str) -> Path:
    """Folder and name, below ComfyUI's output folder, of the files that hold the state of a training."""
    return Path(folder_paths.get_output_directory(), "slider_checkpoints", Path(file_name).name)


def _description(model, targets, plan, cycle, settings: dict[str, Any]) -> dict[str, str]:
    return describe(
        base_model=type(model.model.model_config).__name__,
        family=targets.family,
        plan=plan,
        buckets=cycle.buckets,
        title=Path(settings["file_name"]).name,
        **{name: settings[name] for name in ("objective", "steps", "seed", "learning_rate")},
    )


def _plan(model, targets, settings: dict[str, Any]):
    text = text_or_file(settings["lycoris_config"], "LyCORIS config").strip()
    if text:
        return lycoris_plan(text, model, targets.targets)
    kind, options = VARIANTS.get(settings["kind"], (settings["kind"], {}))
    config = AdapterConfig(kind, settings["rank"], settings["alpha"] or None, options=options)
    return uniform_plan(targets.targets, config)
