"""The rate of a training that is to come as far as is wanted in its steps, and no further.

How far a slider has come is its reach (see `response`). The first rate is found by trial: what a single step at some
rate does says what a step at another rate will. On the way the reach is measured again, and the rate of the steps that
are left is set to what they need. So rank, alpha, kind of adapter, optimiser and model family need no table: all of
them are in the trial.

As a slider comes near its best size its gradient fades, and so does what a step adds: −ln(1 − reach / FULL) grows in
proportion to the rates of the steps, and is what is reckoned with (the way that a training has gone). And a young
slider is larger than its use: what a step adds goes in a direction that later steps correct, so that the same size is
less reach at the end. Measured: about the fourth root of the part of the steps that are done (`ripe`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

SMALL, LARGE = 1e-4, 0.1  # how far a trial step may reach: that is in proportion to its rate, then
TRIALS = 10
FULL = 1.1  # reach that is never quite come to
LOOKS = (0.06, 0.15, 0.3, 0.5, 0.7, 0.85)  # parts of the steps after which the reach is measured
RIPENING = 0.25
FASTEST, SLOWEST = 2.5, 0.4  # times the rate before, from one look to the next
HIGHEST = 8.0  # times the first rate, ever
COHERENT = 0.8  # way of a step, over that of a trial
NEAR = 0.98  # of the wanted reach: as good as there


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
        "No learning rate could be found: a step brings the slider no nearer to what the two sides differ by. See that "
        "the positive pictures have more of the concept and the negative ones less, or set the rate by hand."
    )


@dataclass(frozen=True)
class Pace:
    """What was found out in a training so far; it goes into the checkpoint.

    Attributes:
        wanted: reach to come to.
        factors: the schedule's factor on the rate at each step.
        rate: the rate now, before the schedule's factor.
        first: the rate that the trial gave.
        looks: step, reach and rate until then, of each measurement.
    """

    wanted: float
    factors: tuple[float, ...]
    rate: float = 0.0
    first: float = 0.0
    looks: tuple[tuple[int, float, float], ...] = ()

    def begun(self, rate_of_one: float, start: float = 0.0) -> Pace:
        """At the rate with which all steps go the whole way.

        Args:
            rate_of_one: see `first_rate`.
            start: reach before the first step.
        """
        rate = rate_of_one * (way(self.wanted) - way(start)) / math.fsum(self.factors)
        return replace(self, rate=rate, first=rate, looks=((0, start, rate),))

    def due(self, step: int) -> bool:
        """Whether the reach has to be measured after `step` steps, before the next one."""
        steps = len(self.factors)
        places = {max(1, round(part * steps)) for part in LOOKS} | {steps}
        return step in places and self.looks[-1][0] < step

    @property
    def reached(self) -> float:
        return self.looks[-1][1] if self.looks else 0.0

    def ripe(self, step: int, reach: float) -> float:
        """What a reach after `step` steps comes to at the end, without further growth."""
        return reach * (step / len(self.factors)) ** RIPENING

    @property
    def done(self) -> bool:
        return bool(self.looks) and self.ripe(*self.looks[-1][:2]) >= NEAR * self.wanted

    def looked(self, step: int, reach: float) -> Pace:
        """With a measurement after `step` steps, and the rate that those that are left need."""
        seen = replace(self, looks=(*self.looks, (step, reach, self.rate)))
        left = math.fsum(self.factors[step:])
        if seen.done or left <= 0:
            return seen
        if math.isnan(reach):
            return replace(seen, rate=SLOWEST * self.rate)
        before, known = next((s, r) for s, r, _ in reversed(self.looks) if not math.isnan(r))
        now = way(self.ripe(step, reach))
        gone, taken = now - way(self.ripe(before, known)), self.rate * math.fsum(self.factors[before:step])
        needed = (way(self.wanted) - now) * taken / (gone * left) if gone > 0 else math.inf
        highest = min(FASTEST * self.rate, HIGHEST * self.first)
        return replace(seen, rate=min(max(needed, SLOWEST * self.rate), highest))

    def facts(self) -> dict[str, str]:
        """For the metadata of the slider."""
        return {"learning_rate": f"{self.first:.4g}", "reach": f"{self.reached:.4g}"}

    def as_dict(self) -> dict[str, Any]:
        return {"rate": self.rate, "first": self.first, "looks": self.looks}

    def restored(self, given: dict[str, Any]) -> Pace:
        """The pace of a training that goes on from its checkpoint."""
        looks = tuple((int(step), reach, rate) for step, reach, rate in given["looks"])
        return replace(self, rate=given["rate"], first=given["first"], looks=looks)

    def as_text(self) -> str:
        """What was chosen and why."""
        rates = [rate for _, _, rate in self.looks]
        step = self.looks[-1][0]
        ended = (
            f"Stopped after {step} steps" if self.done and step < len(self.factors) else f"After {step} steps"
        )
        return (
            f"Learning rate found by trial: {self.first:.2g}, then {min(rates):.2g} to {max(rates):.2g} by what was "
            f"measured. {ended} the slider has {self.reached:.0%} of the size that fits its pictures best (wanted: "
            f"{self.wanted:.0%})."
        )
