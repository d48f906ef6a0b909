"""Counter-doses: sliders that move each other's concepts, at strengths with which each moves its own alone."""

import numpy as np
import pytest
from concept_sliders.slider_core.cross_effects import (
    CrossEffects,
    CrossEffectsError,
    from_scores,
    read_cross_effects,
)

TEXT = "smile: eyes 0.2, age -0.1\n\neyes: smile 0.3"
NAMES = ("smile", "eyes", "age")


def moved(effects, strengths):
    return np.array(effects.effects) @ np.array(strengths)


def test_lines_tell_what_each_slider_does_to_the_others():
    found = read_cross_effects(TEXT, NAMES)
    assert moved(found, [1, 0, 0]) == pytest.approx([1, 0.2, -0.1])
    assert moved(found, [0, 1, 0]) == pytest.approx([0.3, 1, 0])
    assert read_cross_effects(found.as_text(), NAMES) == found


@pytest.mark.parametrize("wanted", [(1, 0, 0), (0, -1, 0), (0.5, 1, -2), (0, 0, 0)])
def test_each_concept_moves_by_what_is_wanted_and_no_other(wanted):
    found = read_cross_effects(TEXT, NAMES)
    assert moved(found, found.strengths(wanted)) == pytest.approx(wanted, abs=0.01)


def test_moving_one_of_four_moves_only_one():
    random = np.random.default_rng(0)
    for _ in range(50):
        effects = random.uniform(-0.3, 0.3, (4, 4))
        np.fill_diagonal(effects, 1)
        four = CrossEffects(tuple("abcd"), tuple(map(tuple, effects)))
        for wanted in np.eye(4):
            own, *others = sorted(abs(moved(four, four.strengths(wanted))), reverse=True)
            assert own > 0.9 and max(others) < 0.03


def test_two_sliders_of_one_concept_get_no_huge_strengths():
    same = CrossEffects(("a", "b"), ((1.0, 1.0), (1.0, 1.0)))
    assert max(map(abs, same.strengths([1, -1]))) < 2


def test_lines_may_name_sliders_that_are_off():
    found = read_cross_effects(TEXT, ["eyes"], NAMES)
    assert found.effects == ((1.0,),)


def test_effects_from_scores_are_over_what_each_concepts_own_slider_does():
    found = from_scores(["a", "b"], [[2, 1], [0, 10]], [[-2, -1], [1, -10]])
    assert found.effects == ((1, -0.25), (0.1, 1))
    with pytest.raises(CrossEffectsError, match="'a' does not move its own concept up"):
        from_scores(["a"], [[1]], [[1]])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("smile", "tells no effects"),
        ("smile: eyes", "'eyes' is no effect"),
        ("smile: eyes 1.2", "from −1 to 1"),
        ("smile: eyes nan", "from −1 to 1"),
        ("smile: hat 0.1", "No slider is called 'hat'"),
        ("smile: smile 0.1", "names its own slider"),
    ],
)
def test_text_that_tells_none(text, said):
    with pytest.raises(CrossEffectsError, match=said):
        read_cross_effects(text, NAMES)
    with pytest.raises(CrossEffectsError, match="Two sliders are called 'a'"):
        read_cross_effects("", ["a", "a"])
