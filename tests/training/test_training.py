"""Training a slider: what it learns, in every mode of the cycle and from pictures of any size."""

import dataclasses
import math

import pytest
import torch
from concept_sliders.slider_core.applying.apply import AppliedSlider, apply_slider
from concept_sliders.slider_core.data import Bucket, Cycle
from concept_sliders.slider_core.lora.reading import deltas_for
from concept_sliders.slider_core.training import NotFiniteError, RequestError, train
from predictions import predict
from small_training import buckets, example, request


def loss_of(losses):
    return sum(losses[-10:]) / 10


def test_the_slider_learns_both_sides_and_goes_opposite_ways(model):
    trained = train(request(model, Cycle(buckets(neutral=False)), steps=120, learning_rate=1e-2))
    start = sum(trained.losses["loss"][:10]) / 10
    assert loss_of(trained.losses["loss"]) < 0.9 * start

    deltas, unused = deltas_for(model, trained.slider)
    plus, base, minus = (predict(apply_slider(model, AppliedSlider(deltas, s))) for s in (0.5, 0.0, -0.5))
    assert not unused and torch.equal(base, predict(model))
    more, less = (plus - base).flatten(), (minus - base).flatten()
    assert torch.cosine_similarity(more, less, dim=0) < -0.5
    # At +s the prediction of the clean picture is brighter, at -s darker, as the pictures of the buckets are.
    assert more.mean() > 0 > less.mean()


@pytest.mark.parametrize("mode", ["together", "alternate"])
@pytest.mark.parametrize("neutral", ["anchor", "plain", "off"])
def test_every_mode_of_the_cycle_trains(model, mode, neutral):
    trained = train(request(model, Cycle(buckets(), mode, neutral=neutral, batch_size=2), steps=3))
    assert len(trained.losses["loss"]) == 3 and all(math.isfinite(loss) for loss in trained.losses["loss"])
    seen = {
        name for name in ("positive", "negative", "neutral") if not all(map(math.isnan, trained.losses[name]))
    }
    assert seen == {"positive", "negative"} | ({"neutral"} if neutral != "off" else set())


def test_the_difference_objective_learns_fast_and_needs_both_sides_in_every_step(model):
    cycle = Cycle(buckets(neutral=False))
    trained = train(request(model, cycle, objective="difference", steps=60, learning_rate=1e-2))
    assert loss_of(trained.losses["loss"]) < 0.6 * sum(trained.losses["loss"][:5]) / 5
    one_side = Cycle(buckets()[:1], one_sided=True)
    for cycle in (Cycle(buckets(), mode="alternate"), one_side):
        with pytest.raises(RequestError, match="a positive with a negative picture in every step"):
            request(model, cycle, objective="difference")


def test_examples_that_were_encoded_with_gradients_on_train_as_others_do(model):
    """As of a Python script, where the weights of text encoder and VAE want gradients."""
    weight = torch.ones(1, requires_grad=True)

    def followed(example):
        ((text, options),) = example.conditioning
        conditioning = [[text * weight, {key: value * weight for key, value in options.items()}]]
        return dataclasses.replace(example, latent=example.latent * weight, conditioning=conditioning)

    with torch.inference_mode(False), torch.enable_grad():
        kept = tuple(dataclasses.replace(b, examples=tuple(map(followed, b.examples))) for b in buckets())
    plain, others = (train(request(model, Cycle(b), steps=6)).slider for b in (buckets(), kept))
    assert all(torch.equal(plain[key], others[key]) for key in plain) and weight.grad is None


def test_rows_in_one_call_or_one_by_one_give_the_same_slider(model):
    cycle = Cycle(buckets(), batch_size=2)
    whole, single = (train(request(model, cycle, steps=3, rows_at_once=n)).slider for n in (0, 1))
    for key in whole:
        assert torch.allclose(whole[key], single[key], atol=1e-5)


def test_pictures_of_different_size_train_in_one_step(model):
    larger = dataclasses.replace(example("z"), latent=torch.randn(1, 16, 8, 16))
    more, less = Bucket("more", (example("a"), larger), 0.5), Bucket("less", (example("a"), larger), -0.5)
    trained = train(request(model, Cycle((more, less), batch_size=2), steps=2))
    assert all(math.isfinite(loss) for loss in trained.losses["loss"])


def test_room_is_made_for_the_largest_picture(model, monkeypatch):
    wide = dataclasses.replace(example("b"), latent=torch.zeros(1, 16, 8, 12))
    buckets = [Bucket("more", (example("a"), wide), 0.5), Bucket("less", (example("a"), wide), -0.5)]
    asked = []
    monkeypatch.setattr(model.model, "memory_required", lambda shape, **_: asked.append(list(shape)) or 1.0)
    train(request(model, Cycle(buckets), steps=1))
    assert all(shape == [2, 16, 8, 12] for shape in asked) and asked


def test_an_example_of_several_latents_is_one_row_with_one_strength(model):
    """As of video models whose frames are rows of the batch."""

    def clip(example):
        return dataclasses.replace(example, latent=example.latent.repeat(2, 1, 1, 1))

    more, less, plain = (dataclasses.replace(b, examples=tuple(map(clip, b.examples))) for b in buckets())
    clips = train(request(model, Cycle((more, less, plain)), steps=3))
    single = train(request(model, steps=3))
    assert clips.losses["positive"][0] == pytest.approx(single.losses["positive"][0], rel=0.2)
    assert clips.losses["positive"][0] != single.losses["positive"][0]
    train(request(model, Cycle((more, less)), objective="difference", steps=2))


def test_a_loss_that_is_not_finite_stops_with_the_last_good_state(model):
    broken = dataclasses.replace(example("b"), latent=torch.full((1, 16, 8, 8), math.nan))
    more = Bucket("more", (example("a"), broken), 0.5)
    cycle = Cycle((more, Bucket("less", (example("a"), example("b")), -0.5)))
    events = []
    with pytest.raises(NotFiniteError, match="not a finite number"):
        train(request(model, cycle, steps=9), events.append)
    kept = events[-1].result
    assert kept.steps < 2 and all(bool(tensor.isfinite().all()) for tensor in kept.slider.values())
