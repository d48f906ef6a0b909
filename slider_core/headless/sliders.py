"""Trains the sliders of a config one after the other; one that fails is reported and does not stop the others."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from ..architectures import select_by
from ..config import OutputSettings, SliderPlan
from ..data import Cycle, notes_on_cycle
from ..files import load
from ..files.naming import slider_name
from ..runs import Parts, Progress, TrainingRun
from ..training import StepDone, TrainedSlider
from ..training.processes import ALONE, Processes
from .cancel import INTERRUPTS, Cancel
from .measure import measured
from .pictures import Pictures
from .progress import JsonLines, Previews, Several, TensorBoard, Terminal

NO_TENSORBOARD = "TensorBoard is not installed, so it gets nothing: pip install tensorboard."


@dataclass
class Outcome:
    """What became of a slider.

    Attributes:
        error: why there is none; empty where there is.
        figures: of its sweep, as `Report.as_dict` has them.
        held_out: of what is held out, as `HeldOut.as_dict` has them.
    """

    name: str
    file: Path | None = None
    error: str = ""
    cancelled: bool = False
    steps: int = 0
    loss: float | None = None
    seconds: float = 0.0
    figures: Mapping[str, Any] = field(default_factory=dict)
    held_out: Mapping[str, Any] = field(default_factory=dict)


class Checked:
    """Ends a training after the step in which it was cancelled."""

    def __init__(self, cancel: Cancel):
        self.cancel = cancel

    def step(self, done: StepDone) -> None:
        self.cancel.check()

    def line(self, text: str) -> None:
        """Not here."""

    def picture(self, image: Image.Image) -> None:
        self.cancel.check()


def train_all(
    plans: Sequence[SliderPlan],
    pictures: Pictures,
    output: Path,
    record: OutputSettings,
    cancel: Cancel,
    say: Callable[[str], None] = print,
    processes: Processes = ALONE,
) -> list[Outcome]:
    """An outcome for each slider; after a cancel, for those before it and the one that was cancelled.

    Args:
        processes: the processes that train them together; the first one writes and says what there is.
    """
    outcomes = []
    for index, plan in enumerate(plans, 1):
        name = slider_name(plan.train.file_name).name
        outcome = Outcome(f"{name} ({index}/{len(plans)})" if len(plans) > 1 else name)
        outcomes.append(outcome)
        started = time.perf_counter()
        try:
            _train(plan, pictures, output, record, cancel, outcome, processes)
        except INTERRUPTS:
            outcome.cancelled = True
        except Exception as error:
            logging.debug("", exc_info=True)
            outcome.error = str(error) or type(error).__name__
            say(f"{outcome.name} failed: {outcome.error}")
        outcome.seconds = time.perf_counter() - started
        if record.log and processes.first:
            _log(plan, output).write("end", **_ended(outcome))
        if outcome.cancelled:
            say(f"{outcome.name} was cancelled. The same command goes on where it was.")
        if outcome.cancelled or processes.lost:
            break
    return outcomes


def _train(
    plan: SliderPlan,
    pictures: Pictures,
    output: Path,
    record: OutputSettings,
    cancel: Cancel,
    outcome: Outcome,
    processes: Processes,
) -> None:
    with processes.together():
        cancel.check()
        parts = parts_of(plan, pictures)
        progress = _progress(plan, output, record, cancel, outcome.name) if processes.first else Checked(cancel)
        for note in notes_on_cycle(parts.cycle) if processes.first else ():
            progress.line(f"Note: {note}")
        run = TrainingRun(parts, plan.train, output, progress, processes=processes)
    try:
        trained = run.train()
    finally:
        outcome.file = run.path
    outcome.steps = trained.steps
    outcome.held_out = run.held_out.as_dict() if run.held_out else {}
    outcome.loss = trained.losses["loss"][-1] if trained.losses["loss"] else None
    with processes.together():
        if processes.first:
            _report(run, trained, plan, pictures, cancel, outcome)


def _report(
    run: TrainingRun,
    trained: TrainedSlider,
    plan: SliderPlan,
    pictures: Pictures,
    cancel: Cancel,
    outcome: Outcome,
) -> None:
    """Tells of a slider that is trained, and measures it."""
    for line in run.report(trained).splitlines():
        if line not in run.messages:
            run.progress.line(line)
    if plan.sweep and run.path:
        cycle = run.request.cycle
        outcome.figures = measured(run.path, plan.sweep, cycle, pictures, cancel.check)


def parts_of(plan: SliderPlan, pictures: Pictures) -> Parts:
    """What a slider is trained on, its pictures encoded."""
    loaded = pictures.loaded
    selection = select_by(plan.targets, loaded.control_net if plan.on_control_net else loaded.model)
    chain = pictures.dataset(plan.dataset) if plan.dataset else None
    used, held_out = (list(chain.buckets), list(chain.held_out)) if chain else ([], [])
    for one in plan.buckets:
        (held_out if one.held_out else used).extend(pictures.buckets(one))
    cycle = Cycle.of(used, plan.cycle)
    return Parts(
        loaded.model,
        selection,
        cycle,
        assistant=load(plan.assistant) if plan.assistant else None,
        start_from=load(plan.start_from) if plan.start_from else None,
        control_net=loaded.control_net,
        vae=loaded.vae,
        preview_prompt=pictures.prompt(plan.preview_prompt) if plan.preview_prompt else None,
        preview_negative=pictures.prompt(plan.preview_negative) if plan.preview_negative else None,
        held_out=held_out,
    )


def _place(plan: SliderPlan, output: Path) -> Path:
    """Where a slider's log and previews are, without an ending."""
    return output / "slider_logs" / slider_name(plan.train.file_name).name


def _log(plan: SliderPlan, output: Path) -> JsonLines:
    place = _place(plan, output)
    return JsonLines(place.with_name(f"{place.name}.jsonl"))


def _ended(outcome: Outcome) -> dict[str, Any]:
    """The last line of a log: the outcome, without what has no value."""
    told = {name: value for name, value in asdict(outcome).items() if value and name != "file"}
    return {**told, "seconds": round(outcome.seconds, 3), "file": outcome.file and outcome.file.name}


def _progress(plan: SliderPlan, output: Path, record: OutputSettings, cancel: Cancel, name: str) -> Progress:
    terminal, place = Terminal(name), _place(plan, output)
    parts: list[Progress] = [terminal, Previews(place)]
    if record.log:
        parts.append(_log(plan, output))
    if record.tensorboard:
        try:
            parts.append(TensorBoard(place.parent / "tensorboard" / place.name))
        except ImportError:
            terminal.line(NO_TENSORBOARD)
    return Several([*parts, Checked(cancel)])
