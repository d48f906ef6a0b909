"""What is measured of a slider on pictures that it was not trained on."""

from dataclasses import replace

import pytest
import torch
from concept_sliders.slider_core.data import Bucket, Cycle
from concept_sliders.slider_core.training import RequestError, train
from concept_sliders.slider_core.training.held_out import MOST, held_out_losses
from small_training import buckets, example, request

MORE = Bucket("unseen more", tuple(example(n, 1.0) for n in "pq"), 0.5)
LESS = Bucket("unseen less", tuple(example(n, -1.0) for n in "pq"), -0.5)
PLAIN = Bucket("unseen plain", (example("r"),))


@pytest.fixture(scope="module")
def trained():
    """A request of many steps, and the slider that it makes."""
    from tiny_models import tiny_model

    with torch.inference_mode():
        model = tiny_model("sd3")
    asked = request(model, Cycle(buckets(neutral=False)), steps=80, learning_rate=1e-2)
    return asked, train(asked).slider


def test_a_slider_that_has_learned_the_sides_fits_others_of_them_better(trained):
    measured = held_out_losses(*trained, (MORE, LESS, PLAIN))
    positive, negative, neutral = (measured.of(sign) for sign in (+1, -1, 0))
    assert [side.pictures for side in (positive, negative, neutral)] == [2, 2, 1]
    assert positive.change < -0.03 and negative.change < -0.03
    assert neutral.change > max(positive.change, negative.change)
    lines = measured.lines()
    assert lines[0] == (
        f"Held out, positive: 2 pictures at +0.5, loss {positive.with_slider:.4g} with the slider, "
        f"{positive.without:.4g} without ({positive.change:+.1%})."
    )
    assert lines[2].startswith("Held out, neutral: 1 picture at ±0.5, loss ")


def test_the_other_way_round_it_fits_worse(trained):
    asked, slider = trained
    (turned,) = held_out_losses(asked, slider, (replace(MORE, strength=-0.5),)).sides
    assert turned.change > 0.03


def test_it_is_measured_at_the_same_noise_each_time_and_changes_nothing(trained):
    asked, slider = trained
    before = {key: value.clone() for key, value in asked.model.model.state_dict().items()}
    random = torch.random.get_rng_state()
    first = held_out_losses(asked, slider, (MORE,))
    assert held_out_losses(asked, slider, (LESS, MORE)).of(+1) == first.of(+1)
    assert torch.equal(torch.random.get_rng_state(), random)
    after = asked.model.model.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[key], after[key]) for key in before)


def test_strengths_of_single_pictures_count(trained):
    asked, slider = trained
    weak = replace(MORE, examples=tuple(replace(e, strength=0.1) for e in MORE.examples))
    (side,) = held_out_losses(asked, slider, (weak,)).sides
    assert side.strengths == "+0.1" and abs(side.change) < abs(
        held_out_losses(asked, slider, (MORE,)).of(1).change
    )


def test_of_many_pictures_some_are_taken_from_every_part(trained):
    asked, slider = trained
    many = replace(PLAIN, examples=PLAIN.examples * (3 * MOST))
    measured = held_out_losses(asked, slider, (many,))
    assert measured.of(0).pictures == MOST
    assert measured.lines()[-1] == f"Held out: {MOST} of {3 * MOST} pictures of a side are measured."


def test_pictures_of_another_models_vae_are_named(trained):
    wrong = Bucket("wrong", (replace(example("x"), latent=torch.zeros(1, 4, 8, 8)),), 0.5)
    with pytest.raises(
        RequestError, match="pictures of bucket 'wrong' were encoded by the VAE of another model"
    ):
        held_out_losses(*trained, (wrong,))
