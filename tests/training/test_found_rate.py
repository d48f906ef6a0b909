"""Trainings whose rate and end are found by measurement."""

import pytest
import torch
from comfy.model_management import InterruptProcessingException
from concept_sliders.slider_core.data import Cycle
from concept_sliders.slider_core.data.bucket import Bucket
from concept_sliders.slider_core.training import Message, RequestError, StepDone, paced, train
from concept_sliders.slider_core.training.pace import PaceError
from concept_sliders.slider_core.training.timesteps import draw_levels, spread_levels
from small_training import buckets, example, request

FOUND = {"learning_rate": 0.0, "steps": 40}


def ran(wanted):
    """The result, the events of steps, and what was said."""
    events = []
    trained = train(wanted, events.append)
    return (
        trained,
        [e for e in events if isinstance(e, StepDone)],
        [e.text for e in events if isinstance(e, Message)],
    )


def reach_of(trained):
    return float(trained.slider.metadata["concept_sliders.reach"])


@pytest.mark.parametrize("kind", ["lora", "lokr", "full"])
def test_the_end_does_not_depend_on_the_first_trial(model, kind, monkeypatch):
    reaches, rates = [], []
    for first in (1e-5, 3e-3):
        monkeypatch.setattr(paced, "FIRST_TRIAL", first)
        trained, steps, _ = ran(request(model, kind=kind, stop_at=0.5, **FOUND))
        reaches.append(reach_of(trained))
        rates.append(steps[0].learning_rate)
    assert reaches == pytest.approx([0.5, 0.5], abs=0.3) and reaches[0] == pytest.approx(reaches[1], abs=0.1)
    assert 1 / 3 < rates[0] / rates[1] < 3


@pytest.mark.parametrize("optimiser", ["Adam", "RAdam", "NAdam", "Adafactor", "SGD"])
def test_every_optimiser(model, optimiser):
    trained, _, _ = ran(request(model, optimiser=optimiser, stop_at=0.5, **FOUND))
    assert 0.25 < reach_of(trained) < 1.3  # SGD and RAdam gain speed faster than is measured


def test_training_stops_at_what_is_wanted_and_says_so(model):
    half, steps, said = ran(request(model, stop_at=0.3, learning_rate=3e-3, steps=200))
    more, _, _ = ran(request(model, stop_at=0.6, learning_rate=3e-3, steps=200))
    assert half.steps < more.steps < 200
    assert reach_of(half) == pytest.approx(0.3, abs=0.1) and reach_of(more) == pytest.approx(0.6, abs=0.1)
    assert steps[0].learning_rate == 3e-3 and steps[-1].learning_rate < 1e-3  # by hand, and falling at the end
    assert (steps[-1].step, steps[-1].steps) == (half.steps, half.steps)
    assert "Training stopped after" in said[-1] and "wanted" in said[-1]


def test_a_rate_by_hand_without_stop_at_is_taken_to_the_last_step(model):
    trained, steps, said = ran(request(model, learning_rate=1e-3, steps=6))
    assert trained.steps == 6 and said == [] and "concept_sliders.reach" not in trained.slider.metadata
    assert steps[0].learning_rate == 1e-3


def test_the_rate_that_was_found_is_in_the_file(model):
    trained, steps, _ = ran(request(model, description={"learning_rate": "0"}, **FOUND))
    assert float(trained.slider.metadata["learning_rate"]) == pytest.approx(steps[0].learning_rate, rel=1e-3)


@pytest.mark.parametrize("step", [1, 6, 9])
@pytest.mark.parametrize("optimiser", ["AdamW", "Adafactor"])
def test_cancelled_and_continued_bit_for_bit(model, tmp_path, step, optimiser):
    settings = {"optimiser": optimiser, "stop_at": 0.6, **FOUND}
    kept = {"checkpoint": tmp_path / "slider", "resume": True, **settings}

    def cancel(event):
        if isinstance(event, StepDone) and event.step == step:
            raise InterruptProcessingException

    with pytest.raises(InterruptProcessingException):
        train(request(model, **kept), cancel)
    continued, straight = train(request(model, **kept)), train(request(model, **settings))
    assert continued.continued_from == step and continued.steps == straight.steps
    assert all(torch.equal(continued.slider[key], straight.slider[key]) for key in straight.slider)
    again = train(request(model, **kept))
    assert again.finished_before and again.steps == straight.steps


def test_looking_changes_nothing_in_the_training(model):
    """With a rate by hand and an end that is not reached, the steps are those of a constant schedule."""
    looked = train(request(model, learning_rate=1e-4, stop_at=2.0, schedule="constant", steps=8))
    plain = train(request(model, learning_rate=1e-4, schedule="constant", steps=8))
    assert all(torch.equal(looked.slider[key], plain.slider[key]) for key in plain.slider)


@pytest.mark.parametrize("cycle", [{"mode": "alternate"}, {"batch_size": 3}, {"neutral": "off"}])
@pytest.mark.parametrize("objective", ["denoise", "difference"])
def test_every_cycle_and_objective(model, cycle, objective):
    if cycle.get("mode") == "alternate" and objective == "difference":
        pytest.skip("it needs both sides in a step")
    trained, _, _ = ran(request(model, Cycle(buckets(), **cycle), objective=objective, stop_at=0.4, **FOUND))
    assert reach_of(trained) == pytest.approx(0.4, abs=0.2)


def test_one_side_alone(model):
    one = Cycle((buckets()[0],), one_sided=True)
    assert reach_of(train(request(model, one, stop_at=0.4, **FOUND))) == pytest.approx(0.4, abs=0.2)


def test_pictures_that_have_nothing_to_learn_from(model):
    """The same pictures on both sides: what the slider adds to one it takes from the other."""
    same = tuple(Bucket(name, (example("a"),), s) for name, s in (("more", 0.5), ("less", -0.5)))
    with pytest.raises((PaceError, RequestError), match="more of the concept"):
        train(request(model, Cycle(same), **FOUND))


@pytest.mark.parametrize("density", ["uniform", "logit_normal", "low"])
def test_spread_noise_levels_are_of_all_parts_of_the_density(density):
    random = torch.Generator().manual_seed(0)
    ends = draw_levels(100_000, density, True, random).quantile(torch.linspace(0, 1, 9))
    levels = spread_levels(8, density, True, random)
    assert ((levels.sort().values > ends[:-1] - 0.06) & (levels.sort().values < ends[1:] + 0.06)).all()
    assert not torch.equal(levels, levels.sort().values)


def test_noise_draws_are_more_rows_of_one_step_at_spread_noise_levels(model, monkeypatch):
    from concept_sliders.slider_core.training import loop

    seen, real = [], loop.rows_of_turn
    monkeypatch.setattr(loop, "rows_of_turn", lambda *given: seen.append(real(*given)) or seen[-1])
    train(request(model, Cycle(buckets(neutral=False)), steps=1, noise_draws=8, objective="difference"))
    (rows,) = seen
    assert len(rows) == 16 and len({id(row.noise) for row in rows}) == 8
    sampling = model.model.model_sampling
    usual = draw_levels(20_000, "auto", True, torch.Generator().manual_seed(0)).quantile(
        torch.linspace(0, 1, 9)
    )
    ends = [float(sampling.percent_to_sigma(1 - float(level))) for level in usual]
    sigmas = sorted({float(row.sigma) for row in rows})
    assert len(sigmas) == 8  # one in each of eight equally likely parts
    assert all(ends[i] - 0.05 < sigma < ends[i + 1] + 0.05 for i, sigma in enumerate(sigmas)), (sigmas, ends)
    for row in rows:  # partners are the other side under the same noise at the same level
        other = rows[row.partner]
        assert other.noise is row.noise and other.sigma is row.sigma and other.sign == -row.sign
