"""A loss that explodes ends the training with the last good slider; sliders on the way are written on request."""

from dataclasses import replace

import pytest
import torch
from concept_sliders.slider_core.adapters import AdapterConfig, uniform_plan
from concept_sliders.slider_core.architectures.target import Target
from concept_sliders.slider_core.training import ExplodedError, Intermediate, StepDone, Stopped, train
from small_training import LAYERS
from small_training import request as small_request

# Behind the last norm nothing bounds what a layer adds.
PLAN = uniform_plan(
    [*map(Target, LAYERS), Target("diffusion_model.final_layer.linear.weight")], AdapterConfig("lora", 2)
)


def request(model, **settings):
    return replace(small_request(model, **settings), plan=PLAN)


def events_of(request, error=None):
    events = []
    if error is None:
        return train(request, events.append), events
    with pytest.raises(error) as raised:
        train(request, events.append)
    return raised.value, events


def test_a_rate_that_is_far_too_high_stops_with_a_sentence(model):
    error, events = events_of(request(model, learning_rate=1.0, steps=100), ExplodedError)
    assert "exploded" in str(error) and "Lower the learning rate, which is 1." in str(error)
    assert all(event.losses["loss"] < 1000 for event in events if isinstance(event, StepDone))
    (stopped,) = (event for event in events if isinstance(event, Stopped))
    assert stopped.reason is error


def test_the_slider_of_the_last_good_steps_is_kept(model, monkeypatch):
    """From step 25 on the steps are far too large: step 20 is where the slider was looked at last."""
    from concept_sliders.slider_core.training import paced

    monkeypatch.setattr(paced, "rate_at", lambda step, *_: 1.0 if step < 25 else 3000.0)
    error, events = events_of(request(model, learning_rate=1e-3, steps=100), ExplodedError)
    (stopped,) = (event for event in events if isinstance(event, Stopped))
    assert stopped.result.steps == 20 == len(stopped.result.losses["loss"])
    assert "The slider of step 20 is kept." in str(error)

    monkeypatch.setattr(paced, "rate_at", lambda step, *_: 1.0)
    good = train(request(model, learning_rate=1e-3, steps=20))
    assert all(torch.equal(good.slider[key], stopped.result.slider[key]) for key in good.slider)


def test_an_exploded_state_is_no_checkpoint(model, tmp_path):
    events_of(request(model, learning_rate=1.0, steps=100, checkpoint=tmp_path / "a"), ExplodedError)
    assert not list(tmp_path.iterdir())


def test_an_ordinary_training_is_left_alone(model):
    trained, events = events_of(request(model, learning_rate=1e-2, steps=30))
    assert trained.steps == 30 and not any(isinstance(event, Stopped) for event in events)


def test_sliders_on_the_way_are_those_of_shorter_trainings(model):
    settings = {"schedule": "constant", "learning_rate": 1e-3}
    trained, events = events_of(request(model, steps=7, save_every=3, preview_every=2, **settings))
    between = [event.result for event in events if isinstance(event, Intermediate)]
    assert [result.steps for result in between] == [3, 6]
    shorter = train(request(model, steps=3, **settings)).slider
    assert all(torch.equal(shorter[key], between[0].slider[key]) for key in shorter)
    whole = train(request(model, steps=7, **settings)).slider
    assert all(torch.equal(whole[key], trained.slider[key]) for key in whole)
