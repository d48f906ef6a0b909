"""The rate of each step and the end of a training: as they are set, or by what is measured on the way."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from .fit import Fit
from .model_call import ModelCalls
from .on_model import OnModel
from .pace import Pace, first_rate
from .ranks import Ranks
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


def pace_of(request: TrainRequest) -> Pace | None:
    """What a training begins with, if its rate or its end is to be found."""
    wanted = request.stop_at or (0.0 if request.learning_rate else FITS_BEST)
    return Pace(wanted, request.steps, request.schedule, request.learning_rate) if wanted else None


class Paced:
    """The measurements of one run; what they have come to is in the state."""

    def __init__(self, request: TrainRequest, slider: OnModel, state: State, fit: Fit, ranks: Ranks):
        self.request, self.slider, self.state, self.fit, self.ranks = request, slider, state, fit, ranks
        self._probe: Probe | None = None

    def rate(self) -> float:
        """Of the next step."""
        request, step, pace = self.request, self.state.step, self.state.pace
        if pace is None:
            return request.learning_rate * rate_at(step, request.steps, request.schedule, request.warmup)
        return pace.rate * pace.factor(step) * rate_at(step, request.steps, "constant", request.warmup)

    def look(self, calls: ModelCalls, gradient: Callable[[int], Tensor]) -> None:
        """Before a step, and after the last: finds the first rate, or measures where that is due.

        Args:
            gradient: the mean one of the first so many turns, of all processes.
        """
        pace, step = self.state.pace, self.state.step
        if pace is None or not pace.is_due(step):
            return
        if pace.looks:
            self.state.pace = pace.looked(step, self.ranks.from_first(lambda: self._reach(calls)))
            return
        start = 0.0
        if self.request.start_from is not None:
            start = self.ranks.from_first(lambda: self._reach(calls))
        found = 0.0
        if not pace.given:
            first = gradient(TURNS)
            found = self.ranks.from_first(lambda: self._found(calls, start, first))
        self.state.pace = pace.begun(start, found)

    def _reach(self, calls: ModelCalls) -> float:
        if self._probe is None:
            self._probe = Probe(self.request, calls, self.slider.attach, self.fit.rows_at_once)
        self.slider.joined.refresh()
        return self._probe.reach(calls)

    def _found(self, calls: ModelCalls, start: float, gradient: Tensor) -> float:
        def reached(rate: float) -> float:
            self.slider.flat.gradient.copy_(gradient)
            with self.state.tried(rate, TRIED):
                return self._reach(calls)

        return TRIED * first_rate(reached, FIRST_TRIAL, start)
