"""The rate of a training is found and followed, whatever the adapter makes of a rate."""

import json
import math

import pytest
from concept_sliders.slider_core.training.optimisers import rate_at
from concept_sliders.slider_core.training.pace import Pace, PaceError, first_rate

STEPS = 150
FACTORS = tuple(rate_at(step, STEPS, "cosine", 0) for step in range(STEPS))


class Learner:
    """A stand-in for a training: a step at a rate learns `speed` times it, less and less towards `most`."""

    def __init__(self, speed, most=1.0, power=1.0):
        self.speed, self.most, self.power, self.share = speed, most, power, 0.0

    def step(self, rate):
        if self.speed * rate > 1:
            return math.nan
        room = 1 - self.share / self.most
        self.share += self.speed * rate * room * (0.1 + self.share) ** (self.power - 1)
        return self.share


def trained(learner, wanted=0.3, start=1e-4):
    speed = learner.speed * (0.1 ** (learner.power - 1))
    first = first_rate(lambda rate: speed * rate if speed * rate < 1 else math.nan, wanted, sum(FACTORS), start)
    pace = Pace(wanted, FACTORS, first, first)
    for step in range(1, STEPS + 1):
        learner.step(pace.rate * FACTORS[step - 1])
        if pace.due(step):
            pace = pace.looked(step, learner.share)
            if pace.done:
                break
    return pace, step


def learned(pace):
    return pace.looks[-1][1]


@pytest.mark.parametrize("speed", [1e-2, 1.0, 1e3])
@pytest.mark.parametrize("start", [1e-5, 1e-4, 3e-3])
@pytest.mark.parametrize(("most", "power"), [(1.0, 1.0), (0.45, 1.0), (1.0, 1.4), (1.0, 0.6)])
def test_the_wanted_share_is_met_at_the_end_from_any_starting_rate(speed, start, most, power):
    pace, step = trained(Learner(speed, most, power), start=start)
    assert learned(pace) == pytest.approx(0.3, rel=0.12)
    assert step > STEPS / 2


def test_a_first_step_that_teaches_nothing_is_an_error_and_not_an_endless_search():
    with pytest.raises(PaceError, match="by hand"):
        first_rate(lambda rate: 0.0, 0.3, 75)
    with pytest.raises(PaceError):
        first_rate(lambda rate: math.nan, 0.3, 75)


def test_a_share_that_cannot_be_had_does_not_drive_the_rate_up_without_end():
    pace, step = trained(Learner(1.0, most=0.1))
    assert step == STEPS and not pace.done
    assert pace.rate <= 12 * pace.first
    assert "After 150 steps" in pace.as_text()


def test_what_was_found_goes_on_after_a_stop():
    pace, _ = trained(Learner(1.0))
    assert Pace(0.3, FACTORS).restored(json.loads(json.dumps(pace.as_dict()))) == pace
