"""The rate and the end of a training that are found by measurement: the reckoning alone, without a model."""

import math

import pytest
from concept_sliders.slider_core.training.pace import FULL, Pace, PaceError, first_rate, way


def training(pace, gain, rate_of_one):
    """Runs a pace on a slider of which every step goes `gain` × rate of the way; the pace and the reach at the end."""
    pace, gone, step, rates = pace.begun(0.0, rate_of_one), 0.0, 0, []
    while step < pace.end:
        rates.append(pace.rate * pace.factor(step))
        gone += gain * rates[-1]
        step += 1
        if pace.is_due(step):
            pace = pace.looked(step, FULL * (1 - math.exp(-gone)))
    return pace, rates


@pytest.mark.parametrize("first", [1e-5, 1e-4, 1e-3, 3e-3, 30.0])
def test_the_rate_found_does_not_depend_on_the_first_trial(first):
    tried = []

    def reached(rate):
        tried.append(rate)
        return 40.0 * rate if rate < 1 else math.nan

    found = first_rate(reached, first)
    assert found == pytest.approx(1 / (0.8 * 40 / FULL), rel=0.1) and len(tried) <= 8


def test_what_a_model_of_low_precision_rounds_is_not_taken_for_a_slider():
    found = first_rate(lambda rate: max(1000.0 * rate, 0.3 + 10.0 * rate), 1e-6)
    assert found == pytest.approx(1 / (0.8 * 1000 / FULL), rel=0.1)


def test_an_optimiser_that_limits_its_steps():
    assert first_rate(lambda rate: min(rate, 1.0) / 1000, 1e-4) == pytest.approx(1000 * FULL / 0.8, rel=0.1)


def test_a_step_that_does_nothing_at_any_rate():
    with pytest.raises(PaceError, match="more of the concept"):
        first_rate(lambda rate: 0.0, 1e-4)


@pytest.mark.parametrize("wrong", [0.2, 0.5, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("steps", [15, 60, 300])
def test_a_first_rate_that_is_wrong_is_mended(wrong, steps):
    pace, rates = training(Pace(0.95, steps, "cosine"), gain=100.0, rate_of_one=wrong / 100)
    assert pace.reached == pytest.approx(0.95, abs=0.06) and pace.end <= steps
    assert pace.end > steps / 4
    assert len(pace.looks) <= 12


def test_a_rate_set_by_hand_stays_and_training_ends_when_the_slider_is_there():
    slow, slow_rates = training(Pace(0.8, 1000, "linear", given=2e-3), gain=10.0, rate_of_one=0.0)
    fast, fast_rates = training(Pace(0.8, 1000, "linear", given=2e-2), gain=10.0, rate_of_one=0.0)
    assert slow.reached == pytest.approx(0.8, abs=0.05) == fast.reached
    assert max(slow_rates) == 2e-3 and max(fast_rates) == 2e-2
    assert slow.end > 2 * fast.end and fast.end < 300


def test_the_rate_falls_to_its_end_before_training_stops():
    pace, rates = training(Pace(0.9, 100, "cosine"), gain=100.0, rate_of_one=0.01)
    fall = rates[pace.cooling :]
    assert fall == sorted(fall, reverse=True) and fall[-1] < 0.1 * rates[pace.cooling - 1]
    assert len(rates) == pace.end == pace.looks[-1].step
    constant, rates = training(Pace(0.9, 100, "constant"), gain=100.0, rate_of_one=0.01)
    assert constant.cooling == constant.end == len(rates) and constant.reached >= 0.88


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_trainings_of_hardly_any_step_end(steps, schedule):
    pace, rates = training(Pace(0.95, steps, schedule), gain=1.0, rate_of_one=1.0)
    assert 1 <= len(rates) == pace.end <= steps


def test_what_does_harm_is_taken_slower():
    pace = Pace(0.95, 100, "cosine").begun(0.0, 0.1)
    assert pace.looked(10, math.nan).rate < pace.rate


def test_what_was_found_is_kept_and_told():
    pace = Pace(0.95, 100, "cosine").begun(0.0, 0.01).looked(10, 0.01)
    assert Pace(0.95, 100, "cosine").restored(pace.as_dict()) == pace and pace.rate > pace.first
    assert "did not get there" in pace.as_text() and "1% of the size" in pace.as_text()


def test_half_of_the_way_is_less_than_half_of_the_reach():
    assert way(0.0) == 0.0 and way(FULL) == math.inf and way(0.5) < way(0.95) / 2


@pytest.mark.parametrize("given", [0.0, 1e-3])
def test_more_than_the_best_size_may_be_wanted(given):
    """`stop_at` goes up to 2, and a slider may come from beyond where it fits best to more."""
    pace = Pace(2.0, 100, "cosine", given).begun(0.0, 2e-3)
    step = 0
    for reach in (1.2, 1.6, 1.95):
        step = pace.due
        assert pace.cooling is None and pace.rate > 0
        pace = pace.looked(step, reach)
    assert pace.cooling == step < pace.end <= 100 and pace.reached == 1.95


@pytest.mark.parametrize("given", [0.0, 1e-3])
def test_a_slider_that_starts_beyond_what_is_wanted_is_at_its_end(given):
    pace = Pace(1.0, 100, "cosine", given).begun(1.3, 1e-3)
    pace = pace.looked(pace.due, 1.4)
    assert pace.cooling is not None and pace.end < 30
