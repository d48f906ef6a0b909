"""How a step is made to fit into memory: by ways that leave its result as it is."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import torch
from comfy import model_management

from ..gradients.saved_tensors import SavedTensors
from .events import Event, Message
from .processes import ALONE, Processes
from .request import TrainRequest

UNITS = {"B": 1, "bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


class OpenAgain(Exception):  # noqa: N818
    """The model has to be made ready for training once more, in another way."""


def memory_needed(request: TrainRequest, processes: Processes = ALONE) -> float:
    """Bytes to keep free of weights: ComfyUI's estimate for the largest latent, times what a backward pass keeps."""
    shapes = (example.latent.shape for bucket in request.cycle.buckets for example in bucket.examples)
    shape = max(shapes, key=math.prod)
    rows = request.rows_at_once or 2 * max(1, request.cycle.batch_size // processes.count)
    estimate = request.model.model.memory_required([rows, *shape[1:]])
    return float(estimate) * (2.0 if request.gradient_checkpointing else 6.0)


class Fit:
    """What is done to save memory; each time it runs out, one thing more.

    Attributes:
        checkpointing: whether blocks run again in the backward pass.
        rows_at_once: most rows of one model call; 0 means all of a step.
    """

    def __init__(self, request: TrainRequest, saved: SavedTensors, tell: Callable[[Event], None]):
        self.checkpointing, self.rows_at_once = request.gradient_checkpointing, request.rows_at_once
        self._saved, self._tell = saved, tell
        self._on_card = request.model.load_device.type == "cuda"
        self._model, self._made_room = request.model, False

    def smaller(self, error: str, rows: int) -> None:
        """Takes the next way to save memory.

        Args:
            error: the message that memory ran out, the error itself being gone with all that it held.
            rows: of the step.

        Raises:
            OpenAgain: if the step has to be taken in a model that is opened anew.
            OutOfMemoryError: if there is no way left.
        """
        if self._make_room():
            return
        at_once = self.rows_at_once or rows
        if self.checkpointing and self._on_card and not self._saved.offload:
            self._saved.offload = True
            self._say("what blocks need to run again now waits in main memory")
        elif at_once > 1:
            self.rows_at_once = (at_once + 1) // 2
            self._say(f"of {at_once} rows in a call, now {self.rows_at_once}")
        elif not self.checkpointing:
            self.checkpointing = True
            self._say("gradient checkpointing is on now")
            raise OpenAgain
        else:
            raise torch.OutOfMemoryError(f"{self._missing(error)} {WAYS_OUT}")

    def _make_room(self) -> bool:
        """Takes weights that dynamic VRAM has on the card off it, once for each way; whether that may be enough."""
        self._made_room = self._model.is_dynamic() and not self._made_room
        if self._model.is_dynamic():
            self._model.partially_unload(self._model.offload_device, self._model.model_size())
        model_management.soft_empty_cache()
        return self._made_room

    def _say(self, what: str) -> None:
        self._tell(Message(f"Memory ran out: {what}. The slider is the same, a step takes longer."))

    def _missing(self, error: str) -> str:
        """How much memory is there and how much more a step asked for."""
        asked = re.search(r"(?:allocate|[Rr]equested)[\s:]*([\d.]+) (B|bytes|KiB|MiB|GiB)", error)
        if not (self._on_card and asked):
            return "A training step with one row does not fit into memory, with all that saves some."
        free, whole = (value / 2**30 for value in torch.cuda.mem_get_info())
        wanted = float(asked[1]) * UNITS[asked[2]] / 2**30
        return (
            f"A training step with one row does not fit into this card's {whole:.1f} GB, with all that saves memory: "
            f"it asked for {wanted:.2f} GB more where {free:.2f} were free, so at least "
            f"{max(0.01, wanted - free):.2f} GB are missing."
        )


WAYS_OUT = (
    "Lower the resolution of the buckets or their frames; then the rank or the number of targets; or load the model in "
    "fp8 or GGUF, and close other programs that use the card."
)
