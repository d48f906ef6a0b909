"""Pictures with numbers train as graded: each counts for as much of the concept as it has."""

import pytest
from concept_sliders.slider_core.adapters import AdapterConfig, uniform_plan
from concept_sliders.slider_core.applying.apply import AppliedSlider, apply_slider
from concept_sliders.slider_core.architectures import select_targets
from concept_sliders.slider_core.data import Bucket, Cycle
from concept_sliders.slider_core.data.graded import graded
from concept_sliders.slider_core.lora import deltas_for
from concept_sliders.slider_core.settings import NumberSettings
from concept_sliders.slider_core.training import TrainRequest, train
from tiny_concepts import amount_seen, example, learned_model

NAME = "sd3"
AMOUNTS = [0.9, 0.2, -0.9, -0.2]


def cycle(own_strengths):
    """Pairs of strong and weak squares, at strengths of their own or all at the same."""
    pictures = [example(NAME, f"{abs(amount)}", amount, seed=1) for amount in AMOUNTS]
    if own_strengths:
        made, _ = graded("square", pictures, AMOUNTS, NumberSettings(scale="middle to 0", strongest=0.5))
        return Cycle(made)
    return Cycle((Bucket("more", tuple(pictures[:2]), 0.5), Bucket("less", tuple(pictures[2:]), -0.5)))


@pytest.fixture(scope="module")
def effects():
    """How much more of the square there is at +0.5 than at −0.5, of both ways of training."""
    model = learned_model(NAME)
    found = {}
    for own_strengths in (True, False):
        plan = uniform_plan(select_targets(model), AdapterConfig("lora", rank=2))
        slider = train(TrainRequest(model, plan, cycle(own_strengths), steps=40, learning_rate=1e-2)).slider
        deltas, _ = deltas_for(model, slider)
        more, less = (
            amount_seen(NAME, apply_slider(model, AppliedSlider(deltas, strength)), level=0.8).mean()
            for strength in (0.5, -0.5)
        )
        found[own_strengths] = float(more - less)
    return found


def test_a_weak_picture_does_not_weaken_the_slider(effects):
    assert effects[True] > 1.2 * effects[False] > 0


def test_strong_pairs_with_strong_and_weak_with_weak():
    made = cycle(own_strengths=True)
    for turn, _ in zip(made.turns(), range(4), strict=False):
        more, less = turn
        assert more.strength == -less.strength and abs(more.strength) in (0.5, pytest.approx(1 / 9))
        assert less.matched
