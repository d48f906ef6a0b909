"""What the numbers and switches of a dataset mean for its bucket."""

import pytest
from data.simpletuner.datasets import chain, only, side


@pytest.mark.parametrize("given, repeats", [(0, 1), (4, 5), ("2", 3), (None, 1)])
def test_repeats_are_one_more_than_theirs(root, given, repeats):
    assert only(root, repeats=given)[0].repeats == repeats


@pytest.mark.parametrize("given, probability", [(None, 1.0), ("", 1.0), (0.25, 0.25), ("2", 2.0)])
def test_probability(root, given, probability):
    assert only(root, probability=given)[0].probability == probability


def test_a_probability_of_zero_is_never_drawn(root):
    made = chain(root, side("more"), side("less", probability=0))
    assert [bucket.name for bucket in made.buckets] == ["more"]
    assert "never drawn, so this dataset is left out" in made.report
    assert "Note: there is no negative" in made.report


@pytest.mark.parametrize("given, strength", [(0, None), (None, None), ("-0.25", -0.25), (1, 1.0)])
def test_strength(root, given, strength):
    assert only(root, slider_strength=given)[0].strength == strength


def test_regularisation_data_is_neutral(root):
    for key in ("is_regularisation_data", "is_regularization_data"):
        bucket, said = only(root, **{key: True})
        assert bucket.strength is None and "holds the slider still" in said[key]


def test_disabled_datasets_are_left_out_whatever_they_are(root):
    cloud = {"id": "cloud", "type": "aws", "dataset_type": "video", "disabled": True}
    assert [bucket.name for bucket in chain(root, cloud, side(), side("less", disable=True)).buckets] == [
        "more"
    ]


def test_held_out_datasets_are_apart(root):
    made = chain(root, side("more"), side("less", dataset_type="eval"))
    assert [b.name for b in made.buckets] == ["more"]
    assert [(b.name, b.strength) for b in made.held_out] == [("less", -0.5)]
    made = chain(root, side("more"), side("less", dataset_type="eval", slider_strength=None))
    assert made.held_out[0].strength is None and "not given: measured as neutral" in made.report
