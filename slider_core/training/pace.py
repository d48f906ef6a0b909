"""The rate of a training that is to learn a given share of its concept in its steps, and no more.

The rate is found by trial (`first_rate`): how much a single step at some rate learns says how much a step at another
rate will. On the way the share is measured again, and the rate of the steps that are left is set to what they need
(`Pace`). So rank, alpha, kind of adapter, optimiser and model family need no table: all of them are in the trial.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

FIRST_RATE = 1e-4  # of the first trial
SMALL, LARGE = 1e-5, 0.02  # shares that a trial step may learn: its effect is then proportional to its rate
TRIALS = 8
LOOKS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9)  # parts of the steps after which the share is measured
FASTEST, SLOWEST = 2.5, 0.2  # times the rate before, from one look to the next
HIGHEST = 12.0  # times the first rate, ever
COHERENT = 0.5  # what a step learns on the way, over what the first learns


class PaceError(ArithmeticError):
    """No rate makes a step learn anything that can be measured."""


def first_rate(
    learned: Callable[[float], float], wanted: float, steps: float, start: float = FIRST_RATE
) -> float:
    """The rate at which `steps` steps learn about `wanted`.

    Args:
        learned: the share that one step at a rate learns; NaN where nothing finite comes out.
        steps: the sum of the schedule's factors over them.

    Raises:
        PaceError: if no step learns anything.
    """
    rate = start
    for _ in range(TRIALS):
        share = learned(rate)
        if SMALL <= share <= LARGE:
            return rate * wanted / (share * steps * COHERENT)
        rate *= 0.1 if not share <= LARGE or share < -SMALL else 10.0
    raise PaceError(
        "No learning rate could be found: a step teaches the slider nothing of what the two sides differ by. See that "
        "the positive pictures have more of the concept and the negative ones less, or set the rate by hand."
    )


@dataclass(frozen=True)
class Pace:
    """What was found out in a training so far; it goes into the checkpoint.

    Attributes:
        wanted: share to learn; see `response`.
        factors: the schedule's factor on the rate at each step.
        rate: the rate now, before the schedule's factor.
        first: the rate that the trial gave.
        looks: step, learned share and rate until then, of each measurement.
    """

    wanted: float
    factors: tuple[float, ...]
    rate: float = 0.0
    first: float = 0.0
    looks: tuple[tuple[int, float, float], ...] = ()

    def due(self, step: int) -> bool:
        """Whether the share has to be measured after `step` steps, before the next one."""
        steps = len(self.factors)
        places = {max(1, round(part * steps)) for part in LOOKS} | {steps}
        return step in places and self._last[0] < step

    @property
    def _last(self) -> tuple[int, float, float]:
        return self.looks[-1] if self.looks else (0, 0.0, self.rate)

    @property
    def done(self) -> bool:
        return self._last[1] >= self.wanted

    def looked(self, step: int, learned: float) -> Pace:
        """With a measurement after `step` steps, and the rate that those that are left need."""
        before, known, _ = self._last
        seen = replace(self, looks=(*self.looks, (step, learned, self.rate)))
        left, taken = math.fsum(self.factors[step:]), self.rate * math.fsum(self.factors[before:step])
        if left <= 0 or learned >= self.wanted:
            return seen
        gained = (learned - known) / taken if taken else 0.0
        needed = (self.wanted - learned) / (left * gained) if gained > 0 else math.inf
        highest = min(FASTEST * self.rate, HIGHEST * self.first)
        return replace(seen, rate=min(max(needed, SLOWEST * self.rate), highest))

    def facts(self) -> dict[str, str]:
        """For the metadata of the slider."""
        return {"learning_rate": f"{self.first:.4g}", "learned_share": f"{self._last[1]:.4g}"}

    def as_dict(self) -> dict[str, Any]:
        return {"rate": self.rate, "first": self.first, "looks": self.looks}

    def restored(self, given: dict[str, Any]) -> Pace:
        """The pace of a training that goes on from its checkpoint."""
        looks = tuple((int(step), learned, rate) for step, learned, rate in given["looks"])
        return replace(self, rate=given["rate"], first=given["first"], looks=looks)

    def as_text(self) -> str:
        """What was chosen and why."""
        step, learned, _ = self._last
        rates = [rate for _, _, rate in self.looks] or [self.rate]
        ended = (
            f"Stopped after {step} steps" if self.done and step < len(self.factors) else f"After {step} steps"
        )
        return (
            f"Learning rate found by trial: {self.first:.2g}, then {min(rates):.2g} to {max(rates):.2g} by what was "
            f"learned. {ended}, {learned:.0%} of what the two sides differ by are learned (wanted: {self.wanted:.0%})."
        )
