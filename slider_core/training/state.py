"""Adapters, optimiser and progress of a training: always of one and the same step, whatever befalls it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.optim import Optimizer

from .pace import Pace

LOSS_NAMES = ("loss", "positive", "negative", "neutral")


class Packed:
    """Copies of many tensors in few pieces of memory: one for each device and type."""

    def __init__(self, tensors: Sequence[Tensor]):
        self._shapes = [tensor.shape for tensor in tensors]
        self._forms = [(tensor.device, tensor.dtype) for tensor in tensors]
        self._pieces = {
            form: torch.cat(
                [t.detach().reshape(-1) for t, own in zip(tensors, self._forms, strict=True) if own == form]
            )
            for form in set(self._forms)
        }

    def unpacked(self) -> list[Tensor]:
        """The copies, in the order and shapes of the tensors."""
        places = dict.fromkeys(self._pieces, 0)
        tensors = []
        for shape, form in zip(self._shapes, self._forms, strict=True):
            start = places[form]
            places[form] += shape.numel()
            tensors.append(self._pieces[form][start : places[form]].view(shape))
        return tensors


@dataclass(frozen=True)
class Copy:
    """What an optimiser's step writes to, as it was before.

    Attributes:
        tensors: the parameters, and the tensors among the optimiser's state.
        states: the optimiser's state of each parameter; the tensors in it are not copies.
    """

    tensors: Packed
    states: list[dict[str, Any]]
    scaler: dict[str, Any]


class State:
    """What a training has come to.

    A step writes to many tensors, one after the other. Where an error, an interrupt (Python raises it between any two
    instructions) or a lack of memory comes in between, `settle` gives back the state of before the step. The copy that
    it needs is made before the first write and lives as long as the step: at that time the activations are free again.

    Attributes:
        scaler: of the gradients of float16 models.
        pace: where the rate or the end is found by measurement.
    """

    def __init__(
        self,
        parameters: Sequence[nn.Parameter],
        optimiser: Optimizer,
        scaler: GradScaler,
        pace: Pace | None = None,
    ):
        self.parameters, self.optimiser, self.scaler, self.pace = parameters, optimiser, scaler, pace
        self._losses: dict[str, list[float]] = {name: [] for name in LOSS_NAMES}
        # Finished steps, and the copy while one is in flight: changed together, in one assignment.
        self._now: tuple[int, Copy | None] = (0, None)

    @property
    def step(self) -> int:
        """How many steps are finished."""
        return self._now[0]

    def end(self, steps: int) -> int:
        """The step after which a training of so many steps ends, as far as is known."""
        return self.pace.end if self.pace and self.pace.looks else steps

    @property
    def losses(self) -> dict[str, list[float]]:
        """Per name one value for each finished step; NaN where it had none."""
        return {name: values[: self.step] for name, values in self._losses.items()}

    def update(self, losses: Mapping[str, float]) -> int:
        """One step of the optimiser with the gradients that the parameters have; the number of finished steps."""
        self.settle()
        step = self.step
        self._now = step, self._copy()
        self.scaler.step(self.optimiser)
        self.scaler.update()
        for name, values in self._losses.items():
            values[step:] = [losses.get(name, math.nan)]
        self._now = step + 1, None
        return step + 1

    @contextmanager
    def tried(self, rate: float, steps: int) -> Iterator[None]:
        """While open, the parameters are as steps at a rate leave them, all with the gradient that they have."""
        kept = self._copy()
        try:
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            for _ in range(steps):
                self.optimiser.step()
            yield
        finally:
            self._take_back(kept)

    def settle(self) -> None:
        """Takes a step back that was not finished; to be called before adapters or optimiser are looked at."""
        step, before = self._now
        if before is not None:
            self._take_back(before)
            self._now = step, None

    def take_back_to(self, step: int, parameters: Sequence[Tensor]) -> None:
        """The parameters of an earlier step, to be given away: training does not go on from here."""
        self.settle()
        with torch.no_grad():
            for parameter, value in zip(self.parameters, parameters, strict=True):
                parameter.copy_(value)
        self._now = step, None

    def restore(
        self,
        step: int,
        losses: Mapping[str, Sequence[float]],
        parameters: Sequence[Tensor],
        optimiser: Sequence[dict[str, Any]],
        scaler: dict[str, Any],
    ) -> None:
        """Takes over what another run had come to; `optimiser` is the state of each parameter."""
        self._now = self.step, self._copy()
        self._take(parameters, optimiser, scaler)
        self._losses = {name: list(losses[name]) for name in LOSS_NAMES}
        self._now = step, None

    def _copy(self) -> Copy:
        states = [dict(self.optimiser.state.get(parameter, {})) for parameter in self.parameters]
        of_states = [value for state in states for value in state.values() if isinstance(value, Tensor)]
        return Copy(Packed([*self.parameters, *of_states]), states, self.scaler.state_dict())

    def _take_back(self, copy: Copy) -> None:
        values = iter(copy.tensors.unpacked())
        parameters = [next(values) for _ in self.parameters]
        states = [
            {name: next(values) if isinstance(value, Tensor) else value for name, value in state.items()}
            for state in copy.states
        ]
        self._take(parameters, states, copy.scaler)

    def _take(
        self, parameters: Sequence[Tensor], optimiser: Sequence[dict[str, Any]], scaler: dict[str, Any]
    ) -> None:
        """Not through `load_state_dict`, which rounds NAdam's running product to the parameter's type."""
        with torch.no_grad():
            for parameter, value in zip(self.parameters, parameters, strict=True):
                parameter.copy_(value)
        self.optimiser.state.clear()
        for parameter, state in zip(self.parameters, optimiser, strict=True):
            if state:
                self.optimiser.state[parameter] = {
                    name: self._placed(v, parameter) for name, v in state.items()
                }
        if scaler:
            self.scaler.load_state_dict(scaler)

    def _placed(self, value: Any, parameter: Tensor) -> Any:
        """As torch's optimisers keep it: counters in main memory unless fused, all else beside the parameter."""
        beside = isinstance(value, Tensor) and (value.ndim > 0 or self.optimiser.defaults.get("fused"))
        return value.to(parameter.device) if beside else value
