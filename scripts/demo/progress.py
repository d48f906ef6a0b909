"""The demo's progress on a terminal, from the server's messages."""

from __future__ import annotations

import sys
import time
from typing import Any

from comfy_server import titled

WIDTH = 28


class Progress:
    """A line for each node with a bar where it reports steps; keeps the losses of the training."""

    def __init__(self, workflow: dict[str, Any]):
        self.workflow, self.node, self.since = workflow, "", 0.0
        self.losses: dict[str, list[float]] = {}
        self.live = sys.stdout.isatty()

    def on_event(self, kind: str, data: dict[str, Any]) -> None:
        if kind == "executing" and data.get("node"):
            self.begin(data["node"])
        elif kind == "progress":
            self.bar(data["value"], data["max"])
        elif kind == "concept_sliders.progress":
            for name, loss in data["loss"].items():
                self.losses.setdefault(name, []).append(loss)

    def begin(self, node: str) -> None:
        self.done()
        self.node, self.since = titled(self.workflow, node), time.time()

    def bar(self, value: int, of: int) -> None:
        if self.live:
            full = int(WIDTH * value / max(1, of))
            print(f"\r{self.node:26} [{'█' * full}{'·' * (WIDTH - full)}] {value}/{of} ", end="", flush=True)

    def done(self) -> None:
        if self.node:
            start = "\r\033[K" if self.live else ""
            print(f"{start}{self.node:26} {time.time() - self.since:6.1f} s", flush=True)
        self.node = ""
