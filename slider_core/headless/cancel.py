"""SIGINT and SIGTERM end a training in order: at the end of a step, with everything that was trained kept."""

from __future__ import annotations

import signal
import time
from types import FrameType, TracebackType
from typing import Any

from comfy.model_management import InterruptProcessingException, interrupt_current_processing

INTERRUPTS = (
    KeyboardInterrupt,
    InterruptProcessingException,
)  # what a signal becomes: at once, or in ComfyUI's layers


class Cancel:
    """While it is entered, a first signal is remembered, for `check` to raise; a second one raises at once.

    Args:
        deaf: seconds after a signal in which another one is taken for the same: torchrun's, say, and its user's.

    Attributes:
        asked: whether there was a signal.
    """

    def __init__(self, deaf: float = 0.0) -> None:
        self.asked, self.deaf, self._since = False, deaf, 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Cancel:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._signalled)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        interrupt_current_processing(False)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        if self.asked and time.monotonic() - self._since >= self.deaf:
            raise KeyboardInterrupt
        if not self.asked:
            self.asked, self._since = True, time.monotonic()
        interrupt_current_processing(True)  # ComfyUI's layers look at it

    def check(self, *_: Any) -> None:
        """Raises KeyboardInterrupt if there was a signal; a callback for whatever takes long."""
        if self.asked:
            raise KeyboardInterrupt
