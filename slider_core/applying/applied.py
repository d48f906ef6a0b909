"""A slider as a node sets it, and its strength for each row of a model call."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..curve import Curve
from ..deltas.addition import Joined
from ..lora.changes import change_in
from ..strength import Delta, Strength, StrengthError, constant, rows_of

READER = "concept_sliders.strengths"
BY_ROW = "concept_sliders.by_row"
"""The transformer option that has the sliders which a run has not in the weights."""


@dataclass(frozen=True)
class AppliedSlider:
    """A slider as one SliderApply node sets it.

    Attributes:
        deltas: layer name, from the root of the model, to its adapters.
        strength: used by every conditioning that carries no strength of its own.
        name: what a SliderStrength node picks this slider by.
        start_percent, end_percent: part of the sampling, 0 (first step) to 1 (last), in which it works.
        curve: what strengths mean, its own and those that conditionings carry; None: they are raw.
    """

    deltas: Mapping[str, Sequence[Delta]]
    strength: float = 1.0
    name: str = ""
    start_percent: float = 0.0
    end_percent: float = 1.0
    curve: Curve | None = None

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.strength, self.start_percent, self.end_percent))):
            raise StrengthError(
                f"strength {self.strength}, start_percent {self.start_percent} and end_percent {self.end_percent} "
                "must all be finite numbers."
            )
        if self.start_percent > self.end_percent:
            raise StrengthError(
                f"start_percent {self.start_percent:g} lies after end_percent {self.end_percent:g}, so the slider "
                "would work in no step. Exchange them."
            )

    def raw(self, strength: float) -> float:
        """The factor on the adapters' output that a strength stands for."""
        return strength if self.curve is None else self.curve.raw(strength)

    def constant(self, given: Strength | None = None) -> float | None:
        """The one raw strength of all rows of a conditioning that carries `given`; None if it gives a list."""
        strength = constant(given, self.name, self.strength)
        return None if strength is None else self.raw(strength)

    @property
    def always(self) -> bool:
        """Whether it works in every step."""
        return self.start_percent <= 0.0 and self.end_percent >= 1.0

    def active(self, t: Tensor, percent_to_sigma: Callable[[float], float]) -> bool:
        """Whether a step at the sigmas `t` lies between start and end, as ComfyUI counts them for conditionings."""
        if self.always:
            return True
        return percent_to_sigma(self.end_percent) <= float(t.max()) <= percent_to_sigma(self.start_percent)

    def row_strengths(self, rows: int, transformer_options: Mapping[str, Any]) -> Tensor:
        """One raw strength for each row of a model call, chunk by chunk of conditionings."""
        given: Mapping[Any, Strength] = transformer_options.get(READER, {})
        chunks = transformer_options.get("uuids") or [None]
        window = transformer_options.get("context_window")
        per_chunk = [
            _of_window(window, given.get(uuid), self.name, self.strength, rows // len(chunks))
            for uuid in chunks
        ]
        return torch.tensor([self.raw(value) for chunk in per_chunk for value in chunk])


def _of_window(window: Any, given: Strength | None, slider: str, default: float, rows: int) -> list[float]:
    """`rows_of`, where the rows may be a context window's part of the latents."""
    if window is None or window.dim != 0:
        return rows_of(given, slider, default, rows)
    anchor = getattr(window, "causal_anchor_index", None)
    indices = [*window.index_list] if anchor is None or anchor < 0 else [anchor, *window.index_list]
    whole = rows_of(given, slider, default, window.total_frames)
    return [whole[index] for index in indices] * (rows // len(indices))


@dataclass
class ByRow:
    """A slider that is not in the weights, for the time of a run.

    Attributes:
        dims: see `batch_dims`.
        models: those that the slider is on; a guider may run others beside them. (): all.
        kept: see `attached`.
        difference: the strength of every row, where the weights have the slider at another one; None: see `slider`.
    """

    slider: AppliedSlider
    dims: Mapping[str, int]
    models: Sequence[Any] = ()
    kept: Joined = field(default_factory=Joined)
    difference: float | None = None

    def strengths(self, rows: int, transformer_options: Mapping[str, Any]) -> Tensor:
        """One for each row of a model call."""
        if self.difference is not None:
            return torch.full((rows,), self.difference)
        return self.slider.row_strengths(rows, transformer_options)

    def is_on(self, model: Any) -> bool:
        return not self.models or any(model is own for own in self.models)

    def __getstate__(self) -> dict[str, Any]:
        """What a slider is does not change by being used (`training.digest` looks at this)."""
        return {**vars(self), "kept": Joined()}

    def free(self) -> None:
        """ComfyUI does not know of the memory that adapters take on the device."""
        self.kept = Joined()
        for of_layer in self.slider.deltas.values():
            for change in map(change_in, of_layer):
                if change is not None:
                    change.free()
