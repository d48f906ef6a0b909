"""Shows a running training: ComfyUI's progress bar, events for the panel in the page, a line for what is not in it."""

from __future__ import annotations

import math
from typing import Any

from comfy.utils import ProgressBar
from comfy_api.latest import io

from .training_events import TrainingEvents, server_instance


class TrainingProgress:
    """Tells the page of each step, and of the end when it is left. Without a server (a plain script) it is silent."""

    def __init__(self, steps: int, node_id: str | None, pnginfo: dict[str, Any] | None = None):
        self.bar, self.node_id = ProgressBar(steps, node_id=node_id), node_id
        self.events = TrainingEvents(node_id, workflow_id(pnginfo))
        self.preview: Any = None

    def __enter__(self) -> TrainingProgress:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        from comfy.model_management import InterruptProcessingException

        stopped = kind is not None and issubclass(kind, InterruptProcessingException)
        self.events.end("stopped" if stopped else "failed" if kind else "finished")

    def step(self, done: Any) -> None:
        """Also where ComfyUI's cancel comes in: the progress bar raises it."""
        losses = {name: value for name, value in done.losses.items() if math.isfinite(value)}
        self.events.step(
            step=done.step,
            steps=done.steps,
            loss=losses,
            rate=done.learning_rate,
            seconds_per_step=done.seconds,
        )
        self.bar.update_absolute(done.step, done.steps, self.preview)
        self.preview = None

    def line(self, text: str) -> None:
        """One line of text on the node, until its report is there."""
        say(text, self.node_id)

    def picture(self, image: Any) -> None:
        """A PIL picture, shown on the node with the next step."""
        self.preview = ("JPEG", image, 1024)

    def kept(self, files: list[dict[str, Any]]) -> None:
        """The previews so far, for the panel, which shows them in place of ComfyUI's own picture."""
        self.preview = None
        self.events.previews(files)


def workflow_id(pnginfo: dict[str, Any] | None) -> str | None:
    """The id of the workflow that a page has queued; None where a script did."""
    return ((pnginfo or {}).get("workflow") or {}).get("id")


def say(text: str, node_id: str | None) -> None:
    """One line of text on a node that is running."""
    server = server_instance()
    if server is not None and node_id is not None:
        server.send_progress_text(text, node_id)


def shown_now(ui: dict[str, Any], node_id: str | None) -> None:
    """Shows a result on a node that will not come to an end: what is done of a cancelled run."""
    server = server_instance()
    if server is not None and node_id is not None:
        told = {"node": node_id, "display_node": node_id, "output": ui, "prompt_id": server.last_prompt_id}
        server.send_sync("executed", told, server.client_id)


def show(text: str, *outputs: Any, **more: Any) -> io.NodeOutput:
    """Outputs of a node that also shows `text` on itself, and gives `more` to the page."""
    return io.NodeOutput(*outputs, ui={"text": (text,), **more})
