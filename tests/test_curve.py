"""Response curves: what a strength stands for, through Apply Slider, Slider Strength and files."""

from dataclasses import replace

import comfy.sd
import numpy as np
import pytest
import torch
from concept_sliders.slider_core.applying.applied import READER, AppliedSlider
from concept_sliders.slider_core.curve import CURVE, Curve, CurveError, curve_of, read_curve
from concept_sliders.slider_core.evaluation.report import report
from concept_sliders.slider_core.evaluation.response import (
    curve_from,
    curve_of_report,
    measured_slider,
    with_curve,
)
from concept_sliders.slider_core.files import Slider, load, save, usable_range
from small_sampling import apply, at, close, prompt, sample, slider
from tiny_models import shared_model

BENT = Curve(((-1.0, -2.0), (-0.5, -0.5), (0.0, 0.0), (0.5, 0.25), (1.0, 1.5)))


def test_strengths_between_and_beyond_the_points():
    assert [BENT.raw(s) for s in (-1, -0.75, 0, 0.25, 1)] == [-2, -1.25, 0, 0.125, 1.5]
    assert BENT.raw(0) == 0.0
    assert (BENT.raw(2), BENT.raw(-3)) == (3, -6)  # beyond the ends in proportion


def test_a_side_that_was_not_measured_mirrors_the_other():
    one_sided = Curve(((0.0, 0.0), (0.5, 0.2), (1.0, 1.0)))
    assert [one_sided.raw(s) for s in (-2, -0.5, 0.5)] == [-2, -0.2, 0.2]


@pytest.mark.parametrize(
    ("points", "said"),
    [
        (((0, 0),), "points"),
        (((-1, -1), (1, 1)), "goes through"),
        (((0, 0), (1, 0)), "rises"),
        (((0, 0), (1, 2), (2, 1)), "rises"),
        (((0, 0), (1, float("nan"))), "within"),
        (((0, 0), (1, 1000)), "within"),
    ],
)
def test_points_that_are_no_curve(points, said):
    with pytest.raises(CurveError, match=said):
        Curve(points)


@pytest.mark.parametrize("text", ["", "7", "[[1]]", '{"a": 1}', "[[0, 0], [1, null]]", "[[0,0],[1,1e999]]"])
def test_metadata_that_holds_no_curve(text):
    with pytest.raises(CurveError):
        read_curve(text)
    assert curve_of(Slider({}, {CURVE: text})) is None


def test_a_curve_is_kept_in_the_file(tmp_path):
    path = save(with_curve(slider("sd3"), BENT), tmp_path / "bent.safetensors")
    assert curve_of(load(path)) == BENT


def test_strengths_in_the_weights_and_of_prompts_go_by_the_curve_unless_it_is_turned_off():
    with torch.inference_mode():
        model, positive, negative = shared_model("sd3"), prompt("sd3", 1), prompt("sd3", 2)
        bent, plain = with_curve(slider("sd3"), BENT), slider("sd3")
        stock, _ = comfy.sd.load_lora_for_models(model, None, plain, 1.5, 0)
        expected = sample(stock, positive, negative)
        assert close(sample(apply(model, bent, 1.0), positive, negative), expected)
        rows = sample(apply(model, bent, 0.0), at(positive, "1, 0.5"), negative, count=2)
        assert close(rows[:1], expected)
        assert close(rows[1:], sample(apply(model, plain, 0.25), positive, negative))
        raw = apply(model, bent, 1.0, response_curve=False)
        assert torch.equal(
            sample(raw, positive, negative), sample(apply(model, plain, 1.0), positive, negative)
        )


def test_each_row_of_a_model_call_has_its_raw_strength():
    applied = AppliedSlider({}, 1.0, "smile", curve=BENT)
    options = {"uuids": ["a", "b"], READER: {"a": {"smile": [0.5, -0.5]}}}
    assert applied.row_strengths(4, options).tolist() == [0.25, -0.5, 1.5, 1.5]


def saturating(raw):
    """An effect that is steep below raw strength 1 and levels off, more of it above 0 than below."""
    return np.where(raw > 0, 3 * np.tanh(raw), 2 * np.tanh(raw / 2))


def test_a_measured_curve_makes_equal_steps_equal_on_each_side():
    raw = np.array([-3, -2, -1.5, -1, -0.5, 0, 0.25, 0.5, 1, 1.5, 2, 3])
    curve = curve_from(raw, saturating(raw), (-2, 1.5))
    strengths = np.linspace(-1, 1, 9)
    effect = saturating(np.array([curve.raw(s) for s in strengths]))
    for side in (effect[:5], effect[4:]):
        steps = np.diff(side)
        assert steps.max() / steps.mean() <= 1.05
        assert (side[2] - side[0]) / (side[4] - side[0]) == pytest.approx(0.5, abs=0.02)
    assert (curve.raw(-1), curve.raw(1)) == pytest.approx((-1.5, 1.5))  # the nearer end, on both sides
    assert curve.points[0][0] < -1 and curve.points[0][1] == pytest.approx(-2)  # the other has more to give


def test_no_range_gives_no_curve_and_one_side_gives_a_mirrored_one():
    raw = [-1.0, 0.0, 1.0]
    assert curve_from(raw, [0, 0, 0], (0, 0)) is None
    one_sided = curve_from(raw, [0, 0, 2], (0, 1))
    assert one_sided.raw(1) == pytest.approx(1) and one_sided.raw(-1) == pytest.approx(-1)


def test_noise_that_lets_the_effect_fall_back_still_gives_a_rising_curve():
    curve = curve_from([-2, -1, 0, 1, 2], [-1.9, -2, 0, 1, 0.99], (-2, 2))
    assert (np.diff([curve.raw(s) for s in np.linspace(-1, 1, 41)]) > 0).all()


def swept(raw, effect, usable):
    """The report on a sweep that found this, and whose pictures went as far as their effect."""
    pictures = np.zeros((len(raw), 1, 3, 1, 8))
    pictures[..., 0] = np.asarray(effect)[:, None, None, None] / 10
    return replace(report(list(raw), [pictures]), usable_range=usable)


def test_the_curve_of_a_report_ends_where_the_effect_rises_slowly_or_the_range_ends():
    raw = [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]
    slow = swept(raw, [-2.4, -2, -1, 0, 1, 2, 2.4], (-3, 3))
    assert (curve_of_report(slow).raw(-1), curve_of_report(slow).raw(1)) == pytest.approx((-2, 2))
    assert curve_of_report(replace(slow, usable_range=(-1, 1))).raw(1) == pytest.approx(1)
    assert curve_of_report(replace(slow, usable_range=(0, 0))) is None
    assert curve_of_report(slow).points[-1][1] == 2  # a third raw would be 1.2: that slow, it is left out


def test_what_goes_on_moving_has_not_come_to_its_end():
    """A thing that has left its place changes the picture no more, but its way goes on."""
    raw = [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]
    moving = np.zeros((7, 1, 3, 1, 8))
    for place in range(7):
        moving[place, ..., place] = 1
    found = replace(report(raw, [moving]), usable_range=(-3, 3))
    assert found.effect[-1] - found.effect[-2] < 0.5 * found.effect[-3]
    assert curve_of_report(found).raw(1) == pytest.approx(3)


def test_range_and_curve_of_a_sweep_by_a_curve_are_of_raw_strengths():
    by = Curve(((-1.0, -3.0), (0.0, 0.0), (1.0, 1.5)))
    found = measured_slider(Slider({}), swept([-1.0, -0.5, 0.0, 0.5, 1.0], [-2, -1, 0, 1, 2], (-1, 1)), by)
    assert usable_range(found) == (-3, 1.5)
    assert (curve_of(found).raw(-0.5), curve_of(found).raw(1)) == pytest.approx((-0.75, 1.5), abs=0.01)


def test_a_side_that_goes_far_further_is_cut_off():
    assert curve_from([-1, 0, 1, 9], [-1, 0, 1, 20], (-1, 9)).points[-1][0] == 4


def test_a_range_of_raw_strengths_in_those_that_are_asked_for():
    assert BENT.range_of((-2.0, 1.5)) == (-1, 1) and BENT.range_of((-1.25, 0.125)) == (-0.75, 0.25)
    assert BENT.range_of(None) is None and BENT.asked(BENT.raw(0.3)) == pytest.approx(0.3)
