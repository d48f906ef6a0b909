"""The rate of a training is found and followed, whatever the adapter makes of a rate."""

import json
import math

import pytest
from concept_sliders.slider_core.training.optimisers import rate_at
from concept_sliders.slider_core.training.pace import FULL, Pace, PaceError, first_rate

STEPS = 150
FACTORS = tuple(rate_at(step, STEPS, "cosine", 0) for step in range(STEPS))


class Learner:
    """A stand-in for a training: each step at a rate adds `speed` times it, less and less towards `most`."""

    def __init__(self, speed, most=FULL, power=1.0):
        self.speed, self.most, self.power, self.size, self.steps = speed, most, power, 0.0, 0

    def step(self, rate):
        taken = self.speed * rate * (0.2 + self.size) ** (self.power - 1) / self.most
        self.size += (self.most - self.size) * (1 - math.exp(-taken))
        self.steps += 1

    @property
    def reach(self):
        return self.size / (self.steps / STEPS) ** 0.3  # what was learned first is crude

    def after_one(self, rate):
        if self.speed * rate > 2:
            return math.nan
        other = Learner(self.speed, self.most, self.power)
        other.step(rate)
        return other.reach


def trained(learner, wanted=0.95, start=1e-4):
    pace = Pace(wanted, FACTORS).begun(first_rate(learner.after_one, start))
    for step in range(1, STEPS + 1):
        learner.step(pace.rate * FACTORS[step - 1])
        if pace.due(step):
            pace = pace.looked(step, learner.reach)
            if pace.done:
                break
    return pace, step


@pytest.mark.parametrize("speed", [1e-2, 1.0, 1e3])
@pytest.mark.parametrize("start", [1e-5, 1e-4, 3e-3])
@pytest.mark.parametrize(("most", "power"), [(1.1, 1.0), (1.0, 1.0), (1.5, 1.0), (1.1, 1.5), (1.1, 0.6)])
def test_the_wanted_reach_is_met_near_the_end_from_any_starting_rate(speed, start, most, power):
    pace, step = trained(Learner(speed, most, power), start=start)
    assert pace.reached == pytest.approx(0.95, rel=0.1)
    assert step > STEPS / 2


def test_a_first_step_that_does_nothing_is_an_error_and_not_an_endless_search():
    with pytest.raises(PaceError, match="by hand"):
        first_rate(lambda rate: 0.0, 1e-4)
    with pytest.raises(PaceError):
        first_rate(lambda rate: math.nan, 1e-4)


def test_a_reach_that_cannot_be_had_does_not_drive_the_rate_up_without_end():
    pace, step = trained(Learner(1.0, most=0.1))
    assert step == STEPS and not pace.done
    assert pace.rate <= 8 * pace.first
    assert "After 150 steps" in pace.as_text()


def test_harm_slows_the_training_down():
    pace = Pace(0.95, FACTORS).begun(1e-3)
    assert pace.looked(8, math.nan).rate == pytest.approx(0.4 * pace.rate)
    assert not pace.looked(8, math.nan).done


def test_a_training_that_starts_from_a_slider_goes_what_is_left_of_the_way():
    fresh, begun = Pace(0.95, FACTORS).begun(1e-3), Pace(0.95, FACTORS).begun(1e-3, start=0.5)
    assert 0 < begun.rate < fresh.rate


def test_what_was_found_goes_on_after_a_stop():
    pace, _ = trained(Learner(1.0))
    assert Pace(0.95, FACTORS).restored(json.loads(json.dumps(pace.as_dict()))) == pace
