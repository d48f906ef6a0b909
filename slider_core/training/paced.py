"""The rate of each step and the end of a training: as they are set, or by what is measured on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice

import torch
from torch import Tensor

from ..data.cycle import Turn
from .fit import Fit
from .model_call import ModelCalls
from .on_model import OnModel
from .pace import Pace, first_rate
from .processes import Processes
from .reach import Probe
from .request import TrainRequest
from .schedules import rate_at
from .state import State

FIRST_TRIAL = 1e-4  # rate
TURNS = 3  # whose gradients a trial is made of
TRIED = (
    8  # steps of a trial: the first ones of some optimisers (RAdam, Adafactor) are others than those after them
)
FITS_BEST = 1.0  # wanted reach where none is given


Losses = Mapping[int, float]
Gradients = Callable[[Turn, int], Losses]


def pace_of(request: TrainRequest) -> Pace | None:
    """What a training begins with, if its rate or its end is to be found."""
    wanted = request.stop_at or (0.0 if request.learning_rate else FITS_BEST)
    return Pace(wanted, request.steps, request.schedule, request.learning_rate) if wanted else None


class Paced:
    """The measurements of one run; what they have come to is in the state."""

    def __init__(self, request: TrainRequest, slider: OnModel, state: State, fit: Fit, processes: Processes):
        self.request, self.slider, self.state, self.fit, self.processes = request, slider, state, fit, processes
        self._probe: Probe | None = None

    def rate(self) -> float:
        """Of the next step."""
        request, step, pace = self.request, self.state.step, self.state.pace
        if pace is None:
            return request.learning_rate * rate_at(step, request.steps, request.schedule, request.warmup)
        return pace.rate * pace.factor(step) * rate_at(step, request.steps, "constant", request.warmup)

    def look(self, calls: ModelCalls, gradients: Gradients, checked: Callable[[Losses], bool]) -> None:
        """Before a step, and after the last: finds the first rate, or measures where that is due.

        Args:
            gradients: gives the parameters those of a turn, with the noise of a step, of all processes.
            checked: clips them, and says whether they are finite.
        """
        pace, step = self.state.pace, self.state.step
        if pace is None or not pace.is_due(step):
            return
        if pace.looks:
            self.state.pace = self.processes.from_first(lambda: pace.looked(step, self._reach(calls)))
        else:
            first = None if pace.given else self._first_gradient(gradients, checked)
            self.state.pace = self.processes.from_first(lambda: self._begun(pace, calls, first))

    def _begun(self, pace: Pace, calls: ModelCalls, gradient: Tensor | None) -> Pace:
        start = 0.0 if self.request.start_from is None else self._reach(calls)
        return pace.begun(start, 0.0 if gradient is None else self._found(calls, start, gradient))

    def _reach(self, calls: ModelCalls) -> float:
        if self._probe is None:
            self._probe = Probe(self.request, calls, self.slider.attach, self.fit.rows_at_once)
        self.slider.joined.refresh()
        return self._probe.reach(calls)

    def _first_gradient(self, gradients: Gradients, checked: Callable[[Losses], bool]) -> Tensor:
        """The mean one of the cycle's first turns, finite also for float16 models."""
        total = torch.zeros_like(self.slider.flat.gradient)
        for step, turn in enumerate(islice(self.request.cycle.turns(), TURNS)):
            losses = gradients(turn, step)
            total += self.slider.flat.gradient
        self.slider.flat.gradient.copy_(total / TURNS)
        finite = checked(losses)
        self.state.scaler.update()
        return self.slider.flat.gradient.clone() if finite else self._first_gradient(gradients, checked)

    def _found(self, calls: ModelCalls, start: float, gradient: Tensor) -> float:
        def reached(rate: float) -> float:
            self.slider.flat.gradient.copy_(gradient)
            with self.state.tried(rate, TRIED):
                return self._reach(calls)

        return TRIED * first_rate(reached, FIRST_TRIAL, start)
