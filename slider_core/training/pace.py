"""The rate of a training and its end, by what is measured on the way.

The rate is found by trial: what few steps at some rate add to the reach (see `reach`) says what others will. From then
on the reach is measured where about half of what is left should be done, and the rate is set to what the rest needs.
As soon as the last part of the way can be gone at a falling rate, the rate falls, and training ends where it is 0. So
rank, alpha, kind of adapter, optimiser and model family need no table: all of them are in what is measured.

As a slider comes near its best size its gradient fades, and so does what a step adds: −ln(1 − reach / FULL) grows in
proportion to the rates of the steps, and is what is reckoned with (the way that a training has gone).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ..settings import SettingsError
from .schedules import falling

SMALL, LARGE = (
    0.2,
    2.0,
)  # reach that a trial must add: it is in proportion to the rate, much further than a training is
MORE = 5.0  # times as much at ten times the rate, or it may be what a model of low precision rounds
NONE = 1e-6
TRIALS = 12
COHERENT = 0.8  # way of a step, over that of one in a trial
FULL = 1.15  # reach that is never quite come to
FIRST_LOOK = 0.1  # of the steps
COOLING = 0.25  # part of a training in which the rate falls
FASTEST, SLOWEST = 2.5, 0.5  # times the rate before, from one look to the next
HIGHEST = 6.0  # times the first rate, ever
STEADY = 1.25  # times the rate before: too little to change it


class PaceError(SettingsError):
    """No rate makes a step do anything that can be measured."""


@dataclass(frozen=True)
class Look:
    """A measurement.

    Attributes:
        step: how many are done.
        rate: until then.
    """

    step: int
    reach: float
    rate: float


def way(reach: float, full: float = FULL) -> float:
    """How far a training has gone whose slider has this reach; infinite where it is at its end."""
    return -math.log1p(-reach / full) if reach < full else math.inf


def first_rate(reached: Callable[[float], float], rate: float, start: float = 0.0) -> float:
    """The rate at which the steps of a trial go 1 of the way.

    Args:
        reached: the reach after the steps of a trial at a rate; NaN where they did harm.
        rate: of the first trial.
        start: reach before.

    Raises:
        PaceError: if no step does anything.
    """
    known: dict[float, float] = {}

    def further(rate: float) -> float:
        if rate not in known:
            known[rate] = reached(rate) - start
        return known[rate]

    for _ in range(TRIALS):
        now = further(rate)
        if SMALL <= now <= LARGE and (MORE * further(rate / 10) < now or not further(10 * rate) < MORE * now):
            return rate * max(FULL - start, SMALL) / (COHERENT * now)
        if NONE < now == known.get(rate / 10):  # Adafactor limits its steps, whatever the rate
            return rate / 10 * FULL / (COHERENT * now)
        rate = rate / 10 if now > LARGE or math.isnan(now) else 10 * rate
    raise PaceError(
        "No learning rate could be found: a step brings the slider no nearer to what its pictures have and the model "
        "has not. See that the positive pictures have more of the concept and the negative ones less, or set "
        "learning_rate by hand."
    )


@dataclass(frozen=True)
class Pace:
    """What was found out in a training so far; it goes into the checkpoint.

    Attributes:
        wanted: reach to come to.
        steps: the most.
        schedule: by which the rate falls at the end; `constant` ends at once.
        given: the rate, where it is set by hand; 0 where it is to be found.
        rate: now, before it falls.
        first: the rate that the trial gave.
        due: step after which the reach is measured next.
        cooling: step after which the rate falls; None so far.
        end: step after which training ends.
    """

    wanted: float
    steps: int
    schedule: str
    given: float = 0.0
    rate: float = 0.0
    first: float = 0.0
    looks: tuple[Look, ...] = ()
    due: int = 0
    cooling: int | None = None
    end: int = 0

    def begun(self, start: float, rate_of_one: float = 0.0) -> Pace:
        """At the rate with which the steps go the whole way.

        Args:
            start: reach before the first step.
            rate_of_one: at which a step goes 1 of the way; where the rate is to be found.
        """
        plan = (self.latest + self.steps) / 2  # steps at the whole rate that do as much as all of them
        rate = self.given or rate_of_one * max(self._way(self.wanted) - self._way(start), 0.0) / plan
        due = 1 if self.given else min(max(1, round(FIRST_LOOK * self.steps)), self.latest)
        return replace(self, rate=rate, first=rate, looks=(Look(0, start, rate),), due=due, end=self.steps)

    @property
    def latest(self) -> int:
        """The step after which the rate falls at the latest; at least one is done before."""
        cooled = 0 if self.schedule == "constant" else math.ceil(COOLING * self.steps)
        return max(1, self.steps - cooled)

    def _way(self, reach: float) -> float:
        """`way`, whose end is beyond what is wanted."""
        return way(reach, FULL * max(1.0, self.wanted))

    @property
    def reached(self) -> float:
        return self.looks[-1].reach if self.looks else 0.0

    def is_due(self, step: int) -> bool:
        """Whether the reach is to be measured after `step` steps, before the next."""
        return not self.looks or (step >= self.due and step > self.looks[-1].step)

    def factor(self, step: int) -> float:
        """On the rate, of the step after `step` others."""
        if self.cooling is None or step < self.cooling:
            return 1.0
        return falling((step - self.cooling + 1) / (self.end - self.cooling + 1), self.schedule)

    def looked(self, step: int, reach: float) -> Pace:
        """With a measurement after `step` steps: the rate falls from here, or is what the rest needs."""
        seen = replace(self, looks=(*self.looks, Look(step, reach, self.rate)))
        if self.cooling is not None:
            return seen
        end = min(self.steps, math.ceil(step * self.steps / self.latest))
        if step >= self.latest:
            return seen._cooled(step, end)
        if math.isnan(reach):
            slower = self.given or SLOWEST * self.rate
            return replace(seen, rate=slower, due=min(self.latest, step + max(1, self.steps // 20)))
        if reach >= self.wanted:
            return seen._cooled(step, end)
        before = next(look for look in reversed(self.looks) if not math.isnan(look.reach))
        speed = (self._way(reach) - self._way(before.reach)) / (step - before.step)
        left = self._way(self.wanted) - self._way(reach)
        if left <= max(speed, 0.0) * (end - step) / 2:
            return seen._cooled(step, end)
        return seen._steered(step, speed, left)

    def _cooled(self, step: int, end: int) -> Pace:
        return replace(self, cooling=step, end=end, due=end)

    def _steered(self, step: int, speed: float, left: float) -> Pace:
        """At the rate that goes what is left in the steps that are left."""
        needed = left / ((self.latest + self.steps) / 2 - step)
        ratio = needed / speed if speed > 0 else FASTEST
        steady = self.given > 0 or 1 / STEADY < ratio < STEADY
        ratio = 1.0 if steady else min(max(ratio, SLOWEST), FASTEST, HIGHEST * self.first / self.rate)
        until = left / (speed * ratio) if speed > 0 else math.inf  # steps
        wait = min(until / 2, step, self.latest - step)  # LoRA's first steps gain speed: not too long
        return replace(self, rate=self.rate * ratio, due=step + max(1, round(wait)))

    def as_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        looks = [(look.step, look.reach, look.rate) for look in self.looks]
        names = ("rate", "first", "due", "cooling", "end")
        return {**{name: getattr(self, name) for name in names}, "looks": looks}

    def restored(self, kept: dict[str, Any]) -> Pace:
        """The pace of a training that goes on from its checkpoint."""
        return replace(self, **{**kept, "looks": tuple(Look(*look) for look in kept["looks"])})

    def as_text(self) -> str:
        """What was chosen and why."""
        rates = [look.rate for look in self.looks]
        changed = f"{min(rates):.2g} to {max(rates):.2g} " if len(set(rates)) > 1 else ""
        found = f"Learning rate {changed}(a trial gave {self.first:.2g}). " if not self.given else ""
        short = "" if self.reached >= 0.9 * self.wanted else " It did not get there: give it more steps."
        return (
            f"{found}Training stopped after {self.looks[-1].step} of {self.steps} steps: the slider has "
            f"{self.reached:.0%} of the size that fits its pictures best; {self.wanted:.0%} was wanted.{short}"
        )
