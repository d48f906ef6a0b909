"""Pictures with several captions: each draw takes one, by the seed, the same for both pictures of a pair."""

from collections import Counter
from dataclasses import replace
from itertools import islice

import pytest
import torch
from comfy.model_management import InterruptProcessingException
from concept_sliders.slider_core.data import Bucket, Cycle, describe_cycle
from concept_sliders.slider_core.data.bucket import with_variants
from concept_sliders.slider_core.training import StepDone, train
from small_training import example, request

CAPTIONS = ("by day", "at night", "indoors")


def several(name, offset):
    """An example with three captions, each with a conditioning of its own."""
    one = example(name, offset)
    return with_variants(
        [
            replace(one, caption=caption, conditioning=example(name + caption).conditioning)
            for caption in CAPTIONS
        ]
    )


def cycle(seed=0, several=several):
    sides = (("more", 1.0, 0.5), ("less", -1.0, -0.5))
    return Cycle(
        tuple(Bucket(name, tuple(several(n, offset) for n in "abc"), s) for name, offset, s in sides), seed=seed
    )


def captions(made, count):
    return [tuple(draw.example.caption for draw in turn) for turn in islice(made.turns(), count)]


def test_each_draw_takes_one_of_the_captions_and_a_pair_takes_the_same():
    drawn = captions(cycle(), 300)
    assert all(positive == negative for positive, negative in drawn)
    counts = Counter(caption for turn in drawn for caption in turn)
    assert counts.keys() == set(CAPTIONS) and min(counts.values()) > 150


def test_by_the_seed_and_nothing_else():
    assert captions(cycle(), 50) == captions(cycle(), 50) != captions(cycle(seed=1), 50)


def test_captions_change_nothing_of_the_order_of_pictures():
    alone = [[d.example.name for d in turn] for turn in islice(cycle(several=example).turns(), 30)]
    assert alone == [[d.example.name for d in turn] for turn in islice(cycle().turns(), 30)]


def test_the_plan_shows_which_caption_is_drawn():
    assert "more/" in describe_cycle(cycle()) and "('at night')" in describe_cycle(cycle())
    assert "('a face')" not in describe_cycle(cycle(several=example))


def test_a_training_sees_the_captions_that_are_drawn_and_goes_on_with_them(model, tmp_path):
    def cancel(event):
        if isinstance(event, StepDone) and event.step == 3:
            raise InterruptProcessingException

    settings = {"checkpoint": tmp_path / "slider", "resume": True}
    with pytest.raises(InterruptProcessingException):
        train(request(model, cycle(), **settings), cancel)
    continued, straight = train(request(model, cycle(), **settings)), train(request(model, cycle()))
    assert continued.continued_from == 3
    assert all(torch.equal(continued.slider[key], straight.slider[key]) for key in straight.slider)

    first = train(request(model, cycle(several=lambda n, offset: replace(several(n, offset), variants=()))))
    assert any(not torch.equal(first.slider[key], straight.slider[key]) for key in straight.slider)
