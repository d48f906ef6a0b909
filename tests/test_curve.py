"""Response curves: what a strength stands for, through Apply Slider, Slider Strength and files."""

import comfy.sd
import numpy as np
import pytest
import torch
from concept_sliders.slider_core.applying.applied import READER, AppliedSlider
from concept_sliders.slider_core.curve import CURVE, Curve, CurveError, curve_of, read_curve
from concept_sliders.slider_core.evaluation.response import curve_from, with_curve
from concept_sliders.slider_core.files import Slider, load, save
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


def test_a_measured_curve_makes_equal_steps_equal_and_both_sides_alike():
    raw = np.array([-3, -2, -1.5, -1, -0.5, 0, 0.25, 0.5, 1, 1.5, 2, 3])
    curve = curve_from(raw, saturating(raw), (-2, 2))
    strengths = np.linspace(-1, 1, 9)
    effect = saturating(np.array([curve.raw(s) for s in strengths]))
    steps = np.diff(effect)
    assert steps.max() / steps.mean() <= 1.1
    assert effect[-1] / -effect[0] == pytest.approx(1, abs=0.01)
    assert effect[6] / (effect[8] / 2) == pytest.approx(1, abs=0.05)
    assert curve.raw(-1) == pytest.approx(-2)  # the weaker side's end; the other has room left
    assert curve.raw(1) == pytest.approx(np.arctanh(2 * np.tanh(1) / 3), abs=0.02)
    assert curve.points[-1][1] == pytest.approx(2)


def test_no_range_gives_no_curve_and_one_side_gives_a_mirrored_one():
    raw = [-1.0, 0.0, 1.0]
    assert curve_from(raw, [0, 0, 0], (0, 0)) is None
    one_sided = curve_from(raw, [0, 0, 2], (0, 1))
    assert one_sided.raw(1) == pytest.approx(1) and one_sided.raw(-1) == pytest.approx(-1)


def test_noise_that_lets_the_effect_fall_back_still_gives_a_rising_curve():
    curve = curve_from([-2, -1, 0, 1, 2], [-1.9, -2, 0, 1, 0.99], (-2, 2))
    assert (np.diff([curve.raw(s) for s in np.linspace(-1, 1, 41)]) > 0).all()
