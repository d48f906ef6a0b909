"""The events of a training that the page gets, and the state that a page opened in the middle of it can fetch."""

from __future__ import annotations

from typing import Any

EVENT = "concept_sliders.progress"
POINTS = 400  # of a curve at most twice as many are kept

_latest: TrainingEvents | None = None


class TrainingEvents:
    """The events of one training: sent to every open page, and kept until the next training begins.

    Every page gets them, also one that did not start the training; the page compares `workflow_id` with its own.
    """

    def __init__(self, node_id: str | None, workflow_id: str | None):
        global _latest
        self.place = {"node_id": node_id, "workflow_id": workflow_id}
        self.curve: list[tuple[int, dict[str, float]]] = []
        self.last: dict[str, Any] = {}
        self.shown: list[dict[str, Any]] = []
        if node_id is not None:
            _latest = self

    def step(self, **event: Any) -> None:
        """One step: `step`, `steps`, `loss` by sign, `rate`, `seconds_per_step`."""
        self.last = event
        self.curve.append((event["step"], event["loss"]))
        if len(self.curve) > 2 * POINTS:
            del self.curve[1::2]
        self._send(event)

    def previews(self, files: list[dict[str, Any]]) -> None:
        """All previews so far, as ComfyUI tells the page of files, each with its step."""
        self.shown = files
        self._send({"previews": files})

    def end(self, how: str) -> None:
        """How it ended: finished, stopped or failed."""
        self.last = {**self.last, "ended": how}
        self._send(self.last)

    def _send(self, event: dict[str, Any]) -> None:
        server = server_instance()
        if server is not None:
            server.send_sync(EVENT, {**self.place, **event})


def latest_training() -> dict[str, Any]:
    """The running training, or the last one: place, curve, previews and last event. Empty if there is none."""
    if _latest is None:
        return {}
    return {**_latest.place, **_latest.last, "curve": _latest.curve, "previews": _latest.shown}


def server_instance() -> Any:
    """ComfyUI's server; None in a plain script."""
    from server import PromptServer

    return getattr(PromptServer, "instance", None)
