"""A training whose rate is found, and which ends, by what is measured."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from .model_call import ModelCalls
from . import pace as pacing
from .events import Event, Message
from .fit import Fit
from .on_model import OnModel
from .pace import Pace, first_rate
from .reach import Probe
from .request import TrainRequest
from .state import State

TURNS = 3  # whose gradients a trial step is made of
FITS_BEST = 0.95  # wanted reach where none is given: with 1, the last part of the way would take as long as the rest


def pace_of(request: TrainRequest) -> Pace | None:
    """What a training begins with, if its rate or its end is to be found."""
    wanted = request.stop_at or (0.0 if request.learning_rate else FITS_BEST)
    return Pace(wanted, request.steps, request.schedule, request.learning_rate) if wanted else None


class Paced:
    """The measurements of one run; what they have come to is in the state."""

    def __init__(
        self, request: TrainRequest, slider: OnModel, state: State, fit: Fit, tell: Callable[[Event], None]
    ):
        self.request, self.slider, self.state, self.fit, self.tell = request, slider, state, fit, tell
        self._probe: Probe | None = None

    def look(self, calls: ModelCalls, gradient: Callable[[int], Tensor]) -> None:
        """Before a step, and after the last: finds the first rate, or measures where that is due.

        Args:
            gradient: of the first so many turns together.
        """
        pace, step = self.state.pace, self.state.step
        if pace is None or step < pace.due or (pace.looks and pace.looks[-1][0] == step):
            return
        probe = self._probe = self._probe or Probe(self.request, calls, self.slider.attach, self.fit.rows_at_once)
        if pace.looks:
            self.state.pace = pace.looked(step, self._reach(probe, calls))
            return
        start = 0.0 if self.request.start_from is None else self._reach(probe, calls)
        found = 0.0 if pace.given else self._found(probe, calls, start, gradient(TURNS))
        self.state.pace = pace.begun(start, found)
        if not pace.given:
            self.tell(Message(f"Learning rate found by trial: {self.state.pace.rate:.2g}."))

    def _reach(self, probe: Probe, calls: ModelCalls) -> float:
        self.slider.joined.refresh()
        return probe.reach(calls)

    def _found(self, probe: Probe, calls: ModelCalls, start: float, gradient: Tensor) -> float:
        def reached(rate: float) -> float:
            self.slider.flat.gradient.copy_(gradient)
            with self.state.tried(rate):
                return self._reach(probe, calls)

        return first_rate(reached, pacing.FIRST_TRIAL, start)
