"""Slider Sweep measures the response curve: what the slider it gives carries, and what becomes of the file."""

import json
import os
import sys
from pathlib import Path

import pytest
import torch
from concept_sliders.nodes.apply import SliderApply
from concept_sliders.nodes.loras import NO_FILE, ranges_of_file
from concept_sliders.slider_core.curve import CURVE, Curve, curve_of
from concept_sliders.slider_core.evaluation.response import with_curve
from concept_sliders.slider_core.files import Slider, load, save, usable_range
from concept_sliders.slider_core.files.atomic import NotWrittenError
from safetensors.torch import save_file
from small_sampling import close, prompt, sample, slider
from tiny_models import shared_model

sys.path.insert(0, str(Path(__file__).parent))
from test_sweep_axes import folders, sweep  # noqa: F401  fixtures

BENT = Curve(((-1.0, -0.5), (0.0, 0.0), (0.5, 0.1), (1.0, 0.4)))
WIDE = "-0.6:0.6:7"
NAME = "faint.safetensors"


def faint():
    """A slider of an even effect at these strengths."""
    return Slider(
        {k: t * 3.0 if "up" in k else t for k, t in slider("sd3").items()}, {"rank": "4", "note": "mine"}
    )


@pytest.fixture
def file(folders):  # noqa: F811
    return save(faint(), folders / "loras" / NAME)


def given(output):
    return output.args[3]


def test_the_slider_that_it_gives_has_range_and_curve_in_raw_strengths(sweep):  # noqa: F811
    found = given(sweep(slider=faint(), strengths=WIDE))
    low, high = usable_range(found)
    curve = curve_of(found)
    assert low < 0 < high and found.metadata["note"] == "mine"
    assert max(-curve.raw(-1), curve.raw(1)) <= max(-low, high) + 1e-6
    assert curve.raw(1) == pytest.approx(high, abs=1e-3) or curve.raw(-1) == pytest.approx(low, abs=1e-3)


def test_nothing_is_stored_where_it_is_not_asked_for(sweep):  # noqa: F811
    output = sweep(slider=faint(), strengths=WIDE, store_curve=False)
    assert curve_of(given(output)) is None and "Response curve" not in output.args[2]
    assert output.ui["slider_sweep"][0]["with_slider"] is None
    kept = given(sweep(slider=with_curve(faint(), BENT), strengths=WIDE, store_curve=False))
    assert curve_of(kept) == BENT


def test_strengths_go_by_the_curve_that_is_there_unless_it_is_turned_off(sweep):  # noqa: F811
    bent = with_curve(faint(), BENT)
    by_curve = sweep(slider=bent, strengths="-1, 0.5, 1").args[1]
    raw = sweep(slider=faint(), strengths="-0.5, 0.1, 0.4").args[1]
    assert torch.allclose(by_curve, raw, atol=1e-5)
    off = sweep(slider=bent, strengths="-0.5, 0.1, 0.4", response_curve=False).args[1]
    assert torch.equal(off, raw)


def test_what_is_measured_by_a_curve_is_stored_in_raw_strengths(sweep):  # noqa: F811
    linear = Curve(((-1.0, -0.2), (0.0, 0.0), (1.0, 0.2)))
    raw = given(sweep(slider=faint(), strengths=WIDE))
    again = given(sweep(slider=with_curve(faint(), linear), strengths="-3:3:7"))
    assert usable_range(again) == pytest.approx(usable_range(raw))
    for strength in (-1, -0.5, 0.5, 1):
        assert curve_of(again).raw(strength) == pytest.approx(curve_of(raw).raw(strength), rel=0.02)


def test_the_page_is_told_the_strengths_of_apply_slider_with_the_slider_that_it_gives(sweep):  # noqa: F811
    output = sweep(slider=faint(), strengths=WIDE)
    told = json.loads(json.dumps(output.ui["slider_sweep"][0]))
    swept, asked = told["strengths"], told["with_slider"]["strengths"]
    positive, negative = prompt("sd3", 1), prompt("sd3", 2)
    for raw, strength in zip(swept, asked, strict=True):
        by_curve = SliderApply.execute(strength, model=shared_model("sd3"), slider=given(output))
        expected = SliderApply.execute(raw, model=shared_model("sd3"), slider=faint())
        one, other = (sample(out.result[0], positive, negative) for out in (by_curve, expected))
        assert close(one, other) or (one - other).abs().max() < 5e-3 * other.abs().max()
    assert asked != swept and told["with_slider"]["usable_range"] == list(by_curve.ui["usable_range"][0])


def test_a_users_file_is_not_touched_unless_asked(sweep, file):  # noqa: F811
    before = file.read_bytes()
    output = sweep(slider=None, slider_file=NAME, strengths=WIDE)
    assert file.read_bytes() == before and not list(file.parent.glob("faint.j*"))
    assert curve_of(given(output)) is not None and "Written into" not in output.args[2]


def test_asked_it_has_range_and_curve_and_every_other_bit_as_before(sweep, file):  # noqa: F811
    before = load(file)
    output = sweep(slider=None, slider_file=NAME, strengths=WIDE, update_file=True)
    after = load(file)
    assert after.keys() == before.keys() and all(torch.equal(after[key], before[key]) for key in before)
    assert curve_of(after) == curve_of(given(output)) and usable_range(after) == usable_range(given(output))
    assert after.metadata.items() >= before.metadata.items()
    assert "Written into faint.safetensors." in output.args[2]
    ranges = ranges_of_file(NAME)
    assert ranges["usable_range"] == usable_range(after)
    assert max(ranges["curve_range"]) == pytest.approx(curve_of(after).points[-1][0], abs=0.011)


def test_other_programs_names_stay_as_they_are_in_an_updated_file(sweep, folders):  # noqa: F811
    kohya = {k.replace("diffusion_model.", "lora_unet_").replace(".lora", "!lora").replace(".alpha", "!alpha"): t
             for k, t in faint().items()}  # fmt: skip
    kohya = {
        key.replace(".", "_").replace("!", ".").replace("_weight", ".weight"): t for key, t in kohya.items()
    }
    save_file(kohya, folders / "loras" / NAME)
    sweep(slider=None, slider_file=NAME, strengths=WIDE, update_file=True)
    after = load(folders / "loras" / NAME)
    assert after.keys() == kohya.keys() and CURVE in after.metadata


def test_a_disk_that_is_full_leaves_the_file_as_it_was(sweep, file, monkeypatch):  # noqa: F811
    before = file.read_bytes()

    def full(*_):
        raise OSError("no space")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(NotWrittenError, match=r"faint.safetensors could not be written"):
        sweep(slider=None, slider_file=NAME, strengths=WIDE, update_file=True)
    assert file.read_bytes() == before and len(list(file.parent.glob("*faint*"))) == 1


def test_only_a_file_that_is_chosen_can_be_updated(sweep):  # noqa: F811
    for inputs in ({"slider": faint()}, {"slider": None, "slider_file": NO_FILE}):
        with pytest.raises(ValueError, match="update_file writes into"):
            sweep(**inputs, update_file=True)
