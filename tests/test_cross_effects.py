"""Counter-doses: sliders that leak into each other, applied so that each moves its own concept alone."""

import json

import numpy as np
import pytest
from concept_sliders.slider_core.cross_effects import (
    CrossEffects,
    CrossEffectsError,
    from_scores,
    read_cross_effects,
)

LEAKY = CrossEffects(
    ("smile", "eyes"),
    above=((1.0, 0.2), (-0.1, 1.0)),  # smile: 1 of itself and −0.1 of eyes at strength 1
    below=((1.0, -0.3), (0.0, 1.0)),  # eyes at −1 raise the smile by 0.3
)


@pytest.mark.parametrize("wanted", [(1, 0), (0, 1), (0, -1), (-1, 0), (1, -1), (0.5, 0.25), (0, 0)])
def test_each_concept_moves_by_what_is_wanted_and_no_other(wanted):
    assert LEAKY.effects(LEAKY.strengths(wanted)) == pytest.approx(wanted, abs=1e-9)


def test_what_counter_doses_mend():
    assert LEAKY.effects([0, -1]) == pytest.approx([0.3, -1])
    smile, eyes = LEAKY.strengths([0, -1])
    assert smile < 0 and eyes < -0.9


def test_random_leaks_on_both_sides_are_undone():
    random = np.random.default_rng(0)
    for _ in range(100):
        above, below = (np.eye(4) + random.uniform(-0.2, 0.2, (4, 4)) for _ in range(2))
        four = CrossEffects(tuple("abcd"), tuple(map(tuple, above)), tuple(map(tuple, below)))
        wanted = random.uniform(-1, 1, 4)
        assert four.effects(four.strengths(wanted)) == pytest.approx(wanted, abs=1e-6)


def test_from_scores_in_units_of_each_concepts_own_slider():
    got = from_scores(["a", "b"], {"a": [2, 1], "b": [0, 10]}, {"a": [-2, 1], "b": [0.5, -10]})
    assert got.above == ((1, 0), (0.1, 1)) and got.below == ((1, -0.25), (-0.1, 1))
    with pytest.raises(CrossEffectsError, match="both ways"):
        from_scores(["a"], {"a": [1]}, {"a": [1]})


def test_some_of_them_in_another_order():
    assert LEAKY.picked(["eyes", "smile"]).above == ((1.0, -0.1), (0.2, 1.0))
    with pytest.raises(CrossEffectsError, match="'hat'"):
        LEAKY.picked(["hat"])


def test_they_are_kept_as_json():
    assert read_cross_effects(LEAKY.as_json()) == LEAKY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"names": ["a"]}',
        '{"names": ["a"], "above": [[1, 2]], "below": [[1]]}',
        '{"names": ["a", "a"], "above": [[1, 0], [0, 1]], "below": [[1, 0], [0, 1]]}',
        '{"names": ["a"], "above": [[NaN]], "below": [[1]]}',
        json.dumps({"names": ["a", "b"], "above": [[1, 0.95], [0, 1]], "below": [[1, 0], [0, 1]]}),
    ],
)
def test_text_that_tells_none(text):
    with pytest.raises(CrossEffectsError):
        read_cross_effects(text)
