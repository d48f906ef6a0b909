"""Shows how a training goes: one line on a terminal, lines now and then elsewhere, and records on disk."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from PIL import Image

from ..runs import Progress
from ..training import StepDone

EVERY = 10.0  # seconds between lines where there is no terminal


class Terminal:
    """One line that is written anew at each step; without a terminal, a line every EVERY seconds and at the end."""

    def __init__(self, name: str, stream: TextIO | None = None):
        self.name, self.stream = name, stream or sys.stdout
        self.anew = self.stream.isatty()
        self.last, self.open = -math.inf, False

    def step(self, done: StepDone) -> None:
        if not self.anew and done.step < done.steps and time.monotonic() - self.last < EVERY:
            return
        self.last = time.monotonic()
        losses = ", ".join(f"{name} {value:.4f}" for name, value in done.losses.items() if value == value)
        left = duration((done.steps - done.step) * done.seconds)
        self._write(
            f"{self.name}: step {done.step}/{done.steps}, {losses}, {done.seconds:.2f} s a step, {left} left",
            done.step < done.steps,
        )

    def line(self, text: str) -> None:
        self._write(text, False)

    def picture(self, image: Image.Image) -> None:
        """A terminal shows none."""

    def _write(self, text: str, open_: bool) -> None:
        if self.anew:
            self.stream.write(f"\r{text}\x1b[K" + ("" if open_ else "\n"))
        else:
            self.stream.write(f"{text}\n")
        self.stream.flush()


class JsonLines:
    """Each step and line as a line of JSON with its time, after those that are in the file already."""

    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path

    def step(self, done: StepDone) -> None:
        finite = {name: value for name, value in done.losses.items() if math.isfinite(value)}
        rate, seconds = done.learning_rate, round(done.seconds, 4)
        self.write("step", step=done.step, steps=done.steps, loss=finite, learning_rate=rate, seconds=seconds)

    def line(self, text: str) -> None:
        self.write("message", text=text)

    def picture(self, image: Image.Image) -> None:
        """Pictures are files of their own."""

    def write(self, event: str, **values: Any) -> None:
        """One line; a program that reads along sees whole lines."""
        entry = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **values}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")


class Previews:
    """Each preview as a file that is called after the step it was made at."""

    def __init__(self, folder: Path):
        self.folder, self.at = folder, 0

    def step(self, done: StepDone) -> None:
        self.at = done.step

    def line(self, text: str) -> None:
        """Not here."""

    def picture(self, image: Image.Image) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        image.save(self.folder / f"preview_{self.at:06}.png")


class TensorBoard:
    """Losses, rate and previews as TensorBoard's events.

    Raises:
        ImportError: if TensorBoard is not installed.
    """

    def __init__(self, folder: Path):
        from torch.utils.tensorboard import SummaryWriter

        self.writer, self.at = SummaryWriter(str(folder)), 0

    def step(self, done: StepDone) -> None:
        self.at = done.step
        for name, value in done.losses.items():
            if math.isfinite(value):
                self.writer.add_scalar(f"loss/{name}", value, done.step)
        self.writer.add_scalar("learning_rate", done.learning_rate, done.step)
        self.writer.flush()

    def line(self, text: str) -> None:
        self.writer.add_text("messages", text, self.at)

    def picture(self, image: Image.Image) -> None:
        import numpy as np

        self.writer.add_image("preview", np.asarray(image.convert("RGB")), self.at, dataformats="HWC")


class Several:
    """All of these; the last one may end the training."""

    def __init__(self, parts: Sequence[Progress]):
        self.parts = parts

    def step(self, done: StepDone) -> None:
        for part in self.parts:
            part.step(done)

    def line(self, text: str) -> None:
        for part in self.parts:
            part.line(text)

    def picture(self, image: Image.Image) -> None:
        for part in self.parts:
            part.picture(image)


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
