"""The cycle positive → negative → neutral, as SimpleTuner's slider guide describes it."""

import math
from collections import Counter
from dataclasses import replace
from itertools import islice

import pytest
import torch
from concept_sliders.slider_core.data import Bucket, Cycle, CycleError, Example, PairingError, describe_cycle


def bucket(name, strength, names="abc", size=8, **options):
    examples = tuple(Example(n, "a face", torch.zeros(1, 4, size, size), []) for n in names)
    return Bucket(name, examples, strength, **options)


def signs(cycle, count):
    return [[draw.sign for draw in turn] for turn in islice(cycle.turns(), count)]


THREE = (bucket("more", 0.5), bucket("less", -0.5), bucket("plain", None))


def test_together_every_turn_has_all_signs_in_order():
    assert signs(Cycle(THREE), 3) == [[1, -1, 0]] * 3


def test_alternate_one_sign_a_turn_in_order():
    assert signs(Cycle(THREE, "alternate"), 6) == [[1], [-1], [0], [1], [-1], [0]]


def test_exhausted_buckets_drop_out_and_the_cycle_goes_on_with_what_is_left():
    uneven = (bucket("more", 0.5, "abcd"), bucket("less", -0.5, "ab"), bucket("plain", None, "a"))
    epoch = signs(Cycle(uneven, "alternate"), 7)
    assert epoch == [[1], [-1], [0], [1], [-1], [1], [1]]
    assert signs(Cycle(uneven, "alternate"), 14) == epoch * 2


def test_each_picture_comes_once_an_epoch_times_its_repeats():
    cycle = Cycle((bucket("more", 0.5, "abc", repeats=2), bucket("less", -0.5, "abc", repeats=2)))
    draws = Counter((d.bucket.name, d.example.name) for turn in islice(cycle.turns(), 6) for d in turn)
    assert draws == {(b, n): 2 for b in ("more", "less") for n in "abc"}


def test_pairs_by_name_are_drawn_in_one_turn():
    for turn in islice(Cycle((bucket("more", 0.5, "abcd"), bucket("less", -0.5, "dcba"))).turns(), 8):
        positive, negative = turn
        assert positive.example.name == negative.example.name
        assert negative.matched and positive.pair == negative.pair


def test_a_pair_takes_the_opposite_strength():
    strong, weak = bucket("strong", -1.0), bucket("weak", -0.5)
    for turn in islice(Cycle((bucket("more", 1.0), strong, weak)).turns(), 3):
        assert [d.strength for d in turn] == [1.0, -1.0]


def test_names_that_do_not_match_are_paired_by_order_or_refused():
    other = (bucket("more", 0.5, "abc"), bucket("less", -0.5, "xyz"))
    turn = next(Cycle(other, seed=3).turns())
    assert "abc".index(turn[0].example.name) == "xyz".index(turn[1].example.name)
    with pytest.raises(PairingError, match="'a' and 'x'"):
        Cycle(other, pairing="name")


def test_probabilities_within_a_sign():
    often = bucket("often", 0.5, "abcd", probability=3.0, repeats=500)
    seldom = bucket("seldom", 0.5, "abcd", probability=1.0, repeats=500)
    cycle = Cycle((often, seldom, bucket("less", -0.5, "abcd", repeats=1000)), pairing="random")
    drawn = Counter(turn[0].bucket.name for turn in islice(cycle.turns(), 2000))
    assert 0.72 < drawn["often"] / 2000 < 0.78


def test_the_same_seed_gives_the_same_draws_and_another_seed_others():
    def names(seed):
        turns = islice(
            Cycle((bucket("more", 0.5, "abcdefgh"), bucket("less", -0.5, "abcdefgh")), seed=seed).turns(), 20
        )
        return [draw.example.name for turn in turns for draw in turn]

    assert names(1) == names(1) != names(2)


def test_auto_weighting_lets_both_signs_count_the_same():
    cycle = Cycle((bucket("more", 0.5, "abcd"), bucket("less", -0.5, "ab")), weighting="auto")
    weights = Counter()
    for turn in islice(cycle.turns(), 4):
        for draw in turn:
            weights[draw.sign] += draw.weight
    assert weights[1] == pytest.approx(weights[-1])


def test_neutral_pictures_hold_still_at_both_signs_in_turn_or_are_plain_or_off():
    assert [turn[2].strength for turn in islice(Cycle(THREE).turns(), 4)] == [0.5, -0.5, 0.5, -0.5]
    assert next(Cycle(THREE, neutral="plain").turns())[2].strength == 1.0
    assert signs(Cycle(THREE, neutral="off"), 2) == [[1, -1]] * 2


def test_one_sided_and_strengthless_sets_are_refused_unless_asked_for():
    with pytest.raises(CycleError, match="no negative bucket"):
        Cycle((bucket("more", 0.5),))
    with pytest.raises(CycleError, match="No bucket has a strength"):
        Cycle((bucket("plain", None),))
    assert signs(Cycle((bucket("more", 0.5),), one_sided=True), 2) == [[1], [1]]


def test_an_empty_bucket_is_named():
    with pytest.raises(CycleError, match="'nothing' is empty"):
        Cycle((*THREE, bucket("nothing", 0.5, "")))


@pytest.mark.parametrize(
    "values, message",
    [
        ({"strength": math.nan}, "'more' has strength nan; give one from −100 to 100"),
        ({"strength": 1e9}, "has strength 1e"),
        ({"probability": math.nan}, "needs a probability of 0 or more"),
        ({"probability": math.inf}, "needs a probability of 0 or more"),
        ({"repeats": 0}, "at least 1 repeat"),
        ({"repeats": 10**9}, "more than 1,000,000 draws an epoch"),
    ],
)
def test_numbers_that_no_bucket_can_have(values, message):
    with pytest.raises(CycleError, match=message):
        Cycle((replace(THREE[0], **values), *THREE[1:]))


def test_the_plan_says_what_is_unequal_unused_or_of_different_size():
    plan = describe_cycle(Cycle((bucket("more", 0.5, "abc"), bucket("less", -0.5, "a"), bucket("plain", 0))))
    assert "2 more draws an epoch than the negative side" in plan
    assert "turn 1: positive more/" in plan
    assert "not used" in describe_cycle(Cycle(THREE, neutral="off"))
    assert "weakens the slider" in describe_cycle(Cycle(THREE, neutral="plain"))
    assert "weakens the slider" not in describe_cycle(Cycle(THREE, neutral="anchor"))
    sizes = describe_cycle(Cycle((bucket("more", 0.5), bucket("less", -0.5, size=16))))
    assert "3 pairs differ in size" in sizes


def graded(name, strengths, sign):
    """A bucket whose pictures have numbers of their own."""
    made = bucket(name, sign * 0.5, [f"{name}{i}" for i in range(len(strengths))])
    examples = (replace(e, strength=s) for e, s in zip(made.examples, strengths, strict=True))
    return replace(made, examples=tuple(examples))


GRADED = (graded("more", [0.1, 0.5, 1.0], +1), graded("less", [-0.2, -0.4, -0.6], -1))


def test_a_picture_with_a_number_is_trained_at_that_strength():
    cycle = Cycle(GRADED)
    drawn = {draw.strength for turn in islice(cycle.turns(), 3) for draw in turn}
    assert drawn == {0.1, 0.5, 1.0, -0.2, -0.4, -0.6} and cycle.strongest == 1.0
    assert "at +0.1 to +1" in describe_cycle(cycle) and "at -0.2 to -0.6" in describe_cycle(cycle)


def test_of_pictures_with_numbers_the_most_nearly_opposite_is_the_partner():
    same = [replace(b, examples=tuple(replace(e, name="face") for e in b.examples)) for b in GRADED]
    places = Cycle(tuple(same)).pairs
    assert places == {(0, 0): (1, 0), (0, 1): (1, 1), (0, 2): (1, 2)}


def test_a_number_of_another_sign_is_refused():
    with pytest.raises(CycleError, match="'more' is positive and has a picture of strength -0.1"):
        Cycle((graded("more", [0.5, -0.1], +1), GRADED[1]))


def test_there_is_no_such_loss_weighting():
    with pytest.raises(CycleError, match="loss_weighting is 'masks'.*choose one of none, mask, difference"):
        Cycle(THREE, loss_weighting="masks")
