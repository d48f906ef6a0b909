"""What a training is made of beside its settings: on the page it comes through sockets, else from files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..architectures import Selection
from ..data.bucket import Bucket
from ..data.cycle import Cycle


@dataclass(frozen=True)
class Parts:
    """Attributes:
    model: ComfyUI's ModelPatcher.
    selection: the targets, selected on the model or on the ControlNet.
    assistant, start_from: see `TrainRequest`.
    control_net, vae: ComfyUI's.
    preview_prompt, preview_negative: CONDITIONING of the previews.
    held_out: buckets that are not trained on; what the slider does for them is measured at the end.
    """

    model: Any
    selection: Selection
    cycle: Cycle
    assistant: Mapping[str, Tensor] | None = None
    start_from: Mapping[str, Tensor] | None = None
    control_net: Any = None
    vae: Any = None
    preview_prompt: list[Any] | None = None
    preview_negative: list[Any] | None = None
    held_out: Sequence[Bucket] = ()
