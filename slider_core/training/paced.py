"""A training whose rate is found by trial and followed by measurement."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ..comfy_bridge.model_call import ModelCalls
from .events import Event, Reached
from .fit import Fit
from .on_model import OnModel
from .optimisers import rate_at
from .pace import Pace, first_rate
from .request import TrainRequest
from .response import Probe, probe_of
from .state import State

TURNS = 3  # whose gradients a trial step is made of


def pace_of(request: TrainRequest) -> Pace | None:
    """What a training begins with, if its rate is to be found."""
    if not request.reach:
        return None
    steps = range(request.steps)
    factors = tuple(rate_at(step, request.steps, request.schedule, request.warmup) for step in steps)
    return Pace(request.reach, factors)


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
        if pace is None or pace.done or (pace.rate and not pace.due(step)):
            return
        probe = self._probe = self._probe or self._made(calls)
        if pace.rate:
            self.state.pace = pace.looked(step, self._reach(probe, calls))
        else:
            self.state.pace = self._begun(pace, probe, calls, gradient(TURNS))
        now = self.state.pace
        self.tell(Reached(step, now.reached, now.rate))

    def _made(self, calls: ModelCalls) -> Probe:
        at_once = self.fit.rows_at_once or 2 * self.request.cycle.batch_size
        return probe_of(self.request, calls, self.slider.attach, at_once)

    def _reach(self, probe: Probe, calls: ModelCalls) -> float:
        self.slider.joined.refresh()
        return probe.reach(calls, self.slider.attach)

    def _begun(self, pace: Pace, probe: Probe, calls: ModelCalls, gradient: Tensor) -> Pace:
        def reached(rate: float) -> float:
            self.slider.flat.gradient.copy_(gradient)
            with self.state.tried(rate):
                return self._reach(probe, calls)

        start = 0.0 if self.request.start_from is None else self._reach(probe, calls)
        return pace.begun(first_rate(reached, self.request.learning_rate, start), start)
