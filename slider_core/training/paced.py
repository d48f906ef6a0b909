"""The rate of each step and the end of a training: as they are set, or by what is measured on the way."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from .events import Event, Message
from .finished import REACH
from .fit import Fit
from .model_call import ModelCalls
from .on_model import OnModel
from .pace import Pace, first_rate
from .reach import Probe
from .request import TrainRequest
from .schedules import rate_at
from .state import State

FIRST_TRIAL = 1e-4  # rate
TURNS = 3  # whose gradients a trial step is made of
FITS_BEST = 1.0  # wanted reach where none is given


def pace_of(request: TrainRequest) -> Pace | None:
    """What a training begins with, if its rate or its end is to be found."""
    wanted = request.stop_at or (0.0 if request.learning_rate else FITS_BEST)
    return Pace(wanted, request.steps, request.schedule, request.learning_rate) if wanted else None


class Paced:
    """The measurements of one run; what they have come to is in the state."""

    def __init__(
        self,
        request: TrainRequest,
        slider: OnModel,
        state: State,
        fit: Fit,
        tell: Callable[[Event], None],
    ):
        self.request, self.slider, self.state, self.tell = request, slider, state, tell
        self.fit = fit
        self._probe: Probe | None = None

    @property
    def end(self) -> int:
        """The step after which training ends, as far as is known."""
        pace = self.state.pace
        return pace.end if pace and pace.looks else self.request.steps

    def rate(self) -> float:
        """Of the next step."""
        request, step, pace = self.request, self.state.step, self.state.pace
        if pace is None:
            return request.learning_rate * rate_at(step, request.steps, request.schedule, request.warmup)
        return pace.rate * pace.factor(step) * rate_at(step, request.steps, "constant", request.warmup)

    def look(self, calls: ModelCalls, gradient: Callable[[int], Tensor]) -> None:
        """Before a step, and after the last: finds the first rate, or measures where that is due.

        Args:
            gradient: the mean one of the first so many turns.
        """
        pace, step = self.state.pace, self.state.step
        if pace is None or not pace.is_due(step):
            return
        at_once = self.fit.rows_at_once
        probe = self._probe = self._probe or Probe(self.request, calls, self.slider.attach, at_once)
        if pace.looks:
            self.state.pace = pace.looked(step, self._reach(probe, calls))
            return
        start = 0.0 if self.request.start_from is None else self._reach(probe, calls)
        found = 0.0 if pace.given else self._found(probe, calls, start, gradient(TURNS))
        self.state.pace = pace.begun(start, found)

    def _reach(self, probe: Probe, calls: ModelCalls) -> float:
        self.slider.joined.refresh()
        return probe.reach(calls)

    def _found(self, probe: Probe, calls: ModelCalls, start: float, gradient: Tensor) -> float:
        def reached(rate: float) -> float:
            self.slider.flat.gradient.copy_(gradient)
            with self.state.tried(rate):
                return self._reach(probe, calls)

        return first_rate(reached, FIRST_TRIAL, start)

    def tell_what_was_found(self) -> None:
        if self.state.pace is not None:
            self.tell(Message(self.state.pace.as_text()))

    def facts(self) -> dict[str, str]:
        """For the metadata: the rate, and at the end of a training the reach."""
        pace = self.state.pace
        if pace is None or not pace.looks:
            return {}
        done = {REACH: f"{pace.reached:.4g}"} if self.state.step >= self.end else {}
        return {"learning_rate": f"{pace.first:.4g}", **done}

    @property
    def at_end(self) -> dict[str, str]:
        """Metadata by which a finished slider is known; a reach may be any."""
        return {"steps": str(self.request.steps)} if self.state.pace is None else {REACH: ""}
