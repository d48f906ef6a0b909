"""The figures of a sweep, on values worked out by hand."""

import json

import numpy as np
import pytest
from concept_sliders.slider_core.evaluation import measures as m
from concept_sliders.slider_core.evaluation import report as r
from concept_sliders.slider_core.evaluation.report_text import text_of
from concept_sliders.slider_core.files.slider import Slider

STRENGTHS = [-2.0, -1.0, 0.0, 1.0, 2.0]


def pictures(effects, rests):
    """Pictures of 4 values that move by `effects` along the first and by `rests` along the second."""
    moved = np.zeros((len(effects), 2, 2))
    moved[:, 0, 0], moved[:, 0, 1] = effects, rests
    return 0.5 + moved


def test_a_perfect_slider():
    got = r.report(STRENGTHS, [pictures([-4, -2, 0, 2, 4], [0] * 5)])
    assert got.effect == pytest.approx([-2, -1, 0, 1, 2])  # 4 along one of 4 values is 2 as a root mean square
    assert got.rest == pytest.approx([0] * 5)
    assert (got.symmetry, got.monotonicity, got.evenness, got.off_direction) == pytest.approx((1, 1, 1, 0))
    assert (got.leak, got.triangle_deficit, got.gain_at_half) == pytest.approx((0, 0, 1))
    assert got.usable_range == (-2, 2)


def test_effect_is_along_the_mean_direction_and_the_rest_beside_it():
    got = r.report(STRENGTHS, [pictures([-4, -2, 0, 2, 4], [2, -1, 0, 1, -2])])
    assert got.effect == pytest.approx([-2, -1, 0, 1, 2])
    assert got.rest == pytest.approx([1, 0.5, 0, 0.5, 1])
    assert got.off_direction == pytest.approx(3 / 6)


def test_more_and_less_may_lie_in_different_directions():
    got = r.report(STRENGTHS, [pictures([0, 0, 0, 2, 4], [4, 2, 0, 0, 0])])
    assert got.effect == pytest.approx(np.array([-2, -1, 0, 1, 2]) / np.sqrt(2))
    assert got.rest == pytest.approx([0] * 5)


def test_symmetry_is_plus_over_minus():
    assert m.symmetry(STRENGTHS, [-1, -0.5, 0, 1, 2]) == pytest.approx(3 / 1.5)
    assert m.symmetry([-2.0, 0.0, 1.0], [-1, 0, 1]) is None


def test_spearman_with_ties():
    assert m.spearman([1, 2, 3, 4], [1, 4, 9, 16]) == pytest.approx(1)
    assert m.spearman([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)
    assert m.spearman([1, 2, 3], [1, 1, 2]) == pytest.approx(np.sqrt(3) / 2)
    assert m.spearman([1, 2, 3], [5, 5, 5]) == 0


def test_evenness_respects_uneven_strengths():
    assert m.evenness([0.0, 1.0, 3.0], [0, 1, 3]) == pytest.approx(1)
    assert m.evenness([0.0, 1.0, 2.0], [0, 3, 4]) == pytest.approx(3 / 2)
    assert m.evenness([0.0, 1.0, 2.0], [0, -1, -2]) is None


@pytest.mark.parametrize(
    ("effect", "rest", "expected"),
    [
        ([-2, -1, 0, 1, 2], [0, 0, 0, 0, 0], (-2, 2)),
        ([-1.04, -1, 0, 1, 2], [0, 0, 0, 0, 0], (-1, 2)),  # saturates below −1
        ([-2, -1, 0, 1, 0.5], [0, 0, 0, 0, 0], (-2, 1)),  # turns back above 1
        ([-2, -1, 0, 1, 2], [0, 0, 0, 0, 9], (-2, 1)),  # falls apart above 1
        ([0, 0, 0, 0, 0], [0, 0, 0, 0, 0], (0, 0)),
        ([1, 1, 0, 1, 1], [0, 0, 0, 0, 0], (0, 0)),
    ],
)
def test_usable_range(effect, rest, expected):
    assert m.usable_range(STRENGTHS, effect, rest) == expected


def test_strengths_spoilt_for_another_reason_end_the_range():
    spoilt = [False, False, False, False, True]
    assert m.usable_range(STRENGTHS, [-2, -1, 0, 1, 2], [0] * 5, spoilt) == (-2, 1)
    assert m.usable_range(STRENGTHS, [-2, -1, 0, 1, 2], [0] * 5, spoilt[::-1]) == (-1, 2)


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        ([-4, -2, 0, 2, 4], 1),
        ([-4, -3, 0, 3, 4], 1.5),  # most of it comes early
        ([-4, -1, 0, 1, 4], 0.5),
        ([-4, -3, 0, 2, 4], 1.25),
    ],
)
def test_gain_at_half_the_strength(effect, expected):
    assert m.gain_at_half(STRENGTHS, effect, 2) == pytest.approx(expected)


def test_gain_at_half_without_a_range_or_with_one_side():
    assert m.gain_at_half(STRENGTHS, [0, 1, 2, 3, 4], 0) is None
    assert m.gain_at_half([0.0, 1.0, 2.0], [0, 3, 4], 2) == pytest.approx(1.5)


def test_a_range_on_one_side():
    assert m.usable_range([0.0, 1.0, 2.0], [0, 1, 2], [0, 0, 0]) == (0, 2)


def test_strengths_in_any_order():
    shuffled = [2, 0, 4, 1, 3]
    ordered = pictures([-4, -2, 0, 2, 4], [2, -1, 0, 1, -2])
    got = r.report([STRENGTHS[i] for i in shuffled], [ordered[shuffled]])
    assert got.strengths == tuple(STRENGTHS)
    assert got.effect == pytest.approx([-2, -1, 0, 1, 2])


def test_neutral_prompts_are_compared_with_the_others():
    moved, still = pictures([-4, -2, 0, 2, 4], [0] * 5), pictures([-1, -0.5, 0, 0.5, 1], [0] * 5)
    assert r.report(STRENGTHS, [moved], neutral=[still]).neutral_leak == pytest.approx(0.25)


def test_a_slider_that_does_nothing():
    got = r.report(STRENGTHS, [pictures([0] * 5, [0] * 5)])
    assert (got.symmetry, got.evenness, got.leak, got.usable_range) == (None, None, None, (0, 0))
    assert (got.gain_at_half, got.selectivity, got.off_direction) == (None, None, None)
    assert (
        text_of(got) == "This slider changes almost nothing (0.00 % at most): train longer or raise the rate."
    )


def test_a_slider_whose_changes_nobody_can_see_gets_no_range_and_no_marks():
    """Its pictures rise in perfect order, by less than one of the 255 steps of a screen."""
    faint = r.report(STRENGTHS, [pictures([-0.002, -0.001, 0, 0.001, 0.002], [0] * 5)])
    assert faint.does_nothing and faint.usable_range == (0, 0)
    assert "changes almost nothing (0." in text_of(faint) and "Monotonicity" not in text_of(faint)
    assert "usable_range" not in r.with_range(r.Slider({}, {"usable_range": "[-1, 1]"}), faint).metadata
    seen = r.report(STRENGTHS, [pictures([-0.02, -0.01, 0, 0.01, 0.02], [0] * 5)])
    assert not seen.does_nothing and seen.usable_range == (-2, 2) and "Monotonicity 1.00" in text_of(seen)


def test_strength_zero_is_needed():
    with pytest.raises(ValueError, match="strength 0"):
        r.report([1.0, 2.0], [np.zeros((2, 2, 2))])
    with pytest.raises(ValueError, match="at least one other"):
        r.report([0.0], [np.zeros((1, 2, 2))])


def test_text_json_and_metadata():
    got = r.report(STRENGTHS, [pictures([-4, -2, 0, 2, 2.01], [0] * 5)])
    assert text_of(got).splitlines()[0] == "Usable range -2 to 1 (±1)"
    assert json.loads(json.dumps(got.as_dict()))["version"] == r.VERSION
    one_side = r.report(STRENGTHS, [pictures([0, 0, 0, 2, 4], [0] * 5)])
    assert text_of(one_side).splitlines()[0] == "Usable range 0 to 2"
    slider = Slider({}, {"rank": "4"})
    assert r.with_range(slider, got).metadata == {"rank": "4", "usable_range": "[-2.0, 1.0]"}
    assert slider.metadata == {"rank": "4"}
