"""Words alone: the direction they give is trained both ways, on models of every kind of prediction."""

import pytest
import torch
from concept_sliders.slider_core.adapters import AdapterConfig, uniform_plan
from concept_sliders.slider_core.applying.apply import AppliedSlider, apply_slider
from concept_sliders.slider_core.applying.sampling import SamplerSettings
from concept_sliders.slider_core.applying.steering import preview_latents
from concept_sliders.slider_core.architectures import select_targets
from concept_sliders.slider_core.data import Bucket, Cycle, Words, WordsError, kept_values, phrases
from concept_sliders.slider_core.data.words import direction
from concept_sliders.slider_core.lora.reading import deltas_for
from concept_sliders.slider_core.training import RequestError, TrainRequest, train
from concept_sliders.slider_core.training.words import steered_target
from tiny_concepts import amount_seen, conditioning, example, named_model, words_cycle

pytestmark = pytest.mark.xdist_group("direction")  # the models learn once


def test_each_pair_of_prompts_shares_a_value_of_every_attribute_that_is_to_stay():
    assert phrases("a smile", "a frown") == [("a smile", "a frown")]
    assert phrases("a smile", "a frown", "bright eyes, dull eyes\n\nglasses") == [
        ("a smile, bright eyes, glasses", "a frown, bright eyes, glasses"),
        ("a smile, dull eyes, glasses", "a frown, dull eyes, glasses"),
    ]


def test_words_that_give_no_direction_are_refused():
    with pytest.raises(WordsError, match="both 'a smile'"):
        phrases("a smile", "a  smile")
    with pytest.raises(WordsError, match="64 combinations"):
        phrases("a", "b", "\n".join(["a, b"] * 7))


def test_a_target_lies_along_the_mean_difference_at_the_size_of_the_prediction():
    base, along = torch.tensor([3.0, 4.0]), torch.tensor([1.0, 0.0])
    target = steered_target(base, direction([along, 3 * along], [0 * along, 2 * along]), 2.0)
    torch.testing.assert_close(target, torch.tensor([5.0, 4.0]) * 5 / 41**0.5)
    away = steered_target(base, along, -2.0)
    assert away.norm() == pytest.approx(5) and away[0] < target[0]


def world(smile, eyes):
    """A prediction in a world in which each brings some of the other: [one row, mouth and eyes]."""
    return torch.tensor([[smile + 0.3 * eyes, eyes + 0.3 * smile]])


def test_the_direction_is_apart_from_what_is_to_be_preserved():
    kept = kept_values("bright eyes, dull eyes")
    more, less = ([world(smile, eyes) for eyes in (1.0, -1.0)] for smile in (1.0, -1.0))
    assert kept == ((0,), (1,))
    torch.testing.assert_close(direction(more, less), torch.tensor([[2.0, 0.6]]))
    apart = direction(more, less, kept)
    torch.testing.assert_close(apart / apart[0, 0], torch.tensor([[1.0, 0.0]]))
    assert apart.norm() == pytest.approx(direction(more, less).norm())


def test_each_row_is_set_apart_for_itself_and_an_attribute_of_one_value_changes_nothing():
    more, less = torch.randn(4, 2, 3, 5), torch.randn(4, 2, 3, 5)
    kept = kept_values("bright eyes, dull eyes\nlarge eyes, small eyes")
    both = direction(more, less, kept)
    for row in range(2):
        alone = direction(more[:, row : row + 1], less[:, row : row + 1], kept)
        torch.testing.assert_close(both[row : row + 1], alone)
    one = direction(more, less, kept_values("glasses"))
    torch.testing.assert_close(one, (more - less).mean(0))
    assert direction(more, more, kept).abs().max() < 1e-5


MODELS = ["sd3", "sd15", "sd2"]  # velocity, noise, v


def seen_at(name, model, slider, level):
    deltas, _ = deltas_for(model, slider)
    return [amount_seen(name, apply_slider(model, AppliedSlider(deltas, s)), level).mean() for s in (-1, 0, 1)]


@pytest.mark.parametrize("name", MODELS)
def test_a_slider_of_words_alone_goes_the_right_way_both_ways(name):
    model = named_model(name)
    plan = uniform_plan(select_targets(model), AdapterConfig("lora", rank=2))
    settings = {"steps": 15, "learning_rate": 1e-2, "objective": "prompts"}
    less, base, more = seen_at(
        name, model, train(TrainRequest(model, plan, words_cycle(name), **settings)).slider, 0.8
    )
    assert less + 0.02 < base < more - 0.02, (less, base, more)


@pytest.mark.parametrize("name", MODELS)
def test_the_preview_shows_the_direction_without_training(name):
    model, cycle = named_model(name), words_cycle(name)
    shown = cycle.buckets[0].examples[0]
    neutral = conditioning(name, 0.0)
    with torch.inference_mode():
        latents = preview_latents(
            model, shown.words, neutral, neutral, 0 * shown.latent, 5, (-1.0, 0.0, 1.0), SamplerSettings(8)
        )
    middle = latents[..., 2:6, 2:6].mean((1, 2, 3)) - latents.mean((1, 2, 3))
    assert middle[0] < middle[1] < middle[2]


def test_pictures_and_words_train_together_in_one_cycle():
    pictures = tuple(example("sd3", f"{i}", 0.9, seed=i) for i in range(2))
    words = words_cycle("sd3").buckets
    both = Cycle((Bucket("pictures", pictures, 1.0), *words), pairing="random")
    model = named_model("sd3")
    plan = uniform_plan(select_targets(model), AdapterConfig("lora", rank=2))
    losses = train(TrainRequest(model, plan, both, steps=3)).losses
    assert all(loss == loss for loss in losses["positive"])
    with pytest.raises(RequestError, match="some buckets hold pictures"):
        TrainRequest(model, plan, both, objective="prompts")


def test_without_a_difference_between_the_prompts_nothing_is_asked_for():
    """Same prompts on both sides: the target is the base prediction, and the loss is zero."""
    same = Words((conditioning("sd3", 1.0),), (conditioning("sd3", 1.0),))
    cycle = words_cycle("sd3", same)
    model = named_model("sd3")
    plan = uniform_plan(select_targets(model), AdapterConfig("lora", rank=2))
    losses = train(TrainRequest(model, plan, cycle, steps=1, objective="prompts")).losses
    assert losses["loss"] == [pytest.approx(0.0, abs=1e-9)]
