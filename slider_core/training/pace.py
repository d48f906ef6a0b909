"""The rate of a training, and when it ends, by what is measured on the way.

The rate is found by trial: what one step at some rate adds to the reach (see `reach`) says what others will. From then
on the reach is measured where it is expected to have come half of what is left, and the rate is set to what the rest
needs. As soon as the last part of the way can be gone with a falling rate, the rate falls to 0, and training ends. So
rank, alpha, kind of adapter, optimiser and model family need no table: all of them are in what is measured.

As a slider comes near its best size its gradient fades, and so does what a step adds: −ln(1 − reach / FULL) grows in
proportion to the rates of the steps, and is what is reckoned with (the way that a training has gone).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from .optimisers import falling

FIRST_TRIAL = 1e-4  # rate
SMALL, LARGE = 0.005, 0.15  # reach after a trial step
TRIALS = 12
COHERENT = 0.8  # way of a step, over that of a trial
FULL = 1.15  # reach that is never quite come to
FIRST_LOOK = 0.1  # of the steps
FASTEST, SLOWEST = 2.5, 0.5  # times the rate before, from one look to the next
HIGHEST = 6.0  # times the first rate, ever
STEADY = 1.25  # times the rate before: a change that is none
COOLING = 0.25  # part of the steps in which the rate falls


class PaceError(ArithmeticError):
    """No rate makes a step do anything that can be measured."""


def way(reach: float) -> float:
    """How far a training has gone whose slider has this reach; infinite where it is at its end."""
    return -math.log1p(-reach / FULL) if reach < FULL else math.inf


def first_rate(reached: Callable[[float], float], rate: float, start: float = 0.0) -> float:
    """The rate at which a step goes 1 of the way.

    Args:
        reached: the reach after one step at a rate, from the start; NaN where it did harm.
        rate: of the first trial.
        start: reach before.

    Raises:
        PaceError: if no step does anything.
    """
    for _ in range(TRIALS):
        further = reached(rate) - start
        if SMALL <= further <= LARGE:
            return rate / (COHERENT * (way(start + further) - way(start)))
        rate *= 10.0 if -SMALL < further < SMALL else 0.1
    raise PaceError(
        "No learning rate could be found: a step brings the slider no nearer to what its pictures have and the model "
        "has not. See that the positive pictures have more of the concept and the negative ones less, or set the rate "
        "by hand."
    )


@dataclass(frozen=True)
class Pace:
    """What was found out in a training so far; it goes into the checkpoint.

    Attributes:
        wanted: reach to come to.
        steps: the most.
        shape: name of the schedule by which the rate falls at the end.
        given: the rate, where it is set by hand; 0 where it is to be found.
        rate: now, before it falls.
        first: the rate that the trial gave.
        looks: step and reach of each measurement, and the rate until then.
        due: step after which the reach is measured next.
        cooling: step after which the rate falls; None so far.
        end: step after which training ends.
    """

    wanted: float
    steps: int
    shape: str
    given: float = 0.0
    rate: float = 0.0
    first: float = 0.0
    looks: tuple[tuple[int, float, float], ...] = ()
    due: int = 0
    cooling: int | None = None
    end: int = 0

    def begun(self, start: float, rate_of_one: float = 0.0) -> Pace:
        """At the rate with which the steps go the whole way.

        Args:
            start: reach before the first step.
            rate_of_one: see `first_rate`; only where the rate is to be found.
        """
        plan = (1 - COOLING / 2) * self.steps
        rate = self.given or rate_of_one * (way(self.wanted) - way(start)) / plan
        due = min(max(1, round(FIRST_LOOK * self.steps)), self.latest)
        return replace(self, rate=rate, first=rate, looks=((0, start, rate),), due=due, end=self.steps)

    @property
    def latest(self) -> int:
        """The step after which the rate falls at the latest."""
        return self.steps - self._cooled(self.steps)

    def _cooled(self, end: int) -> int:
        return 0 if self.shape == "constant" else math.ceil(COOLING * end)

    @property
    def reached(self) -> float:
        return self.looks[-1][1] if self.looks else 0.0

    def factor(self, step: int) -> float:
        """On the rate, at `step` (from 0)."""
        if self.cooling is None or step < self.cooling:
            return 1.0
        return falling((step - self.cooling + 1) / (self.end - self.cooling + 1), self.shape)

    def looked(self, step: int, reach: float) -> Pace:
        """With a measurement after `step` steps: whether the rate falls from here, or what it has to be."""
        seen = replace(self, looks=(*self.looks, (step, reach, self.rate)))
        if self.cooling is not None:
            return seen
        if math.isnan(reach):
            return replace(seen, rate=self.given or SLOWEST * self.rate, due=step + max(1, self.steps // 20))
        before, known = next((s, r) for s, r, _ in reversed(self.looks) if not math.isnan(r))
        speed = (way(reach) - way(known)) / (step - before)  # at the rate until now
        end = min(self.steps, math.ceil(step / (1 - self._cooled(self.steps) / self.steps)))
        left = way(self.wanted) - way(reach)
        if left <= max(speed, 0.0) * (end - step) / 2 or step >= self.latest:
            return replace(seen, cooling=step, end=max(end, step), due=max(end, step))
        needed = left / (self.latest - step + (self.steps - self.latest) / 2)
        rate = self.given or self._steered(needed / speed if speed > 0 else math.inf)
        faster = max(speed, 1e-9) * rate / self.rate
        until = min(self.latest, step + left / (1 + COOLING / 2) / faster)
        return replace(seen, rate=rate, due=min(self.latest, step + max(1, round((until - step) / 2))))

    def _steered(self, ratio: float) -> float:
        """The rate, times about this ratio."""
        if 1 / STEADY < ratio < STEADY:
            return self.rate
        return min(self.rate * min(max(ratio, SLOWEST), FASTEST), HIGHEST * self.first)

    def as_dict(self) -> dict[str, Any]:
        names = ("rate", "first", "looks", "due", "cooling", "end")
        return {name: getattr(self, name) for name in names}

    def restored(self, given: dict[str, Any]) -> Pace:
        """The pace of a training that goes on from its checkpoint."""
        looks = tuple((int(step), reach, rate) for step, reach, rate in given["looks"])
        return replace(self, **{**given, "looks": looks})

    def as_text(self) -> str:
        """What was chosen and why."""
        rates = [rate for _, _, rate in self.looks]
        step = self.looks[-1][0]
        found = (
            "" if self.given else f"Learning rate {self.first:.2g}, found by trial"
            + (f", then {min(rates):.2g} to {max(rates):.2g} by what was measured. " if len(set(rates)) > 1 else ". ")
        )
        return (
            f"{found}After {step} of at most {self.steps} steps the slider has {self.reached:.0%} of the size that "
            f"fits its pictures best (wanted: {self.wanted:.0%})."
        )
