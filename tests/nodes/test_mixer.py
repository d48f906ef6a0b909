"""SliderMixer: one node that equals a chain of SliderApply."""

import os

import numpy as np
import pytest
import torch
from as_comfyui import validated
from concept_sliders.nodes.mixer import SliderMixer
from concept_sliders.nodes.mixer_rows import MixerRow, mixer_rows
from concept_sliders.slider_core.curve import Curve
from concept_sliders.slider_core.evaluation.response import with_curve
from concept_sliders.slider_core.files import save
from mixed import ROWS, chain, mixed
from safetensors.torch import save_file
from small_sampling import at, prompt, sample, slider
from tiny_models import shared_model

pytestmark = pytest.mark.usefixtures("files")


@pytest.fixture
def model():
    with torch.inference_mode():
        yield shared_model("sd3")


@pytest.mark.parametrize(
    "rows", [ROWS, [ROWS[0], ROWS[3]], ROWS[:1]], ids=["start and end", "in the weights", "one"]
)
def test_it_equals_the_chain_bit_for_bit(model, rows):
    positive, negative = prompt("sd3", 1), prompt("sd3", 2)
    expected = sample(chain(model, rows), positive, negative)
    assert torch.equal(sample(mixed(model, rows), positive, negative), expected)
    assert not torch.equal(expected, sample(model, positive, negative))


def test_it_equals_the_chain_where_each_latent_has_a_strength_of_its_own(model):
    positive = at(at(prompt("sd3", 1), "-1, 0, 2", "curls"), "0.5", "smile")
    negative = prompt("sd3", 2)
    expected = sample(chain(model), positive, negative, count=3)
    assert torch.equal(sample(mixed(model), positive, negative, count=3), expected)
    assert not torch.equal(expected[0], expected[2])


def test_the_order_of_rows_is_that_of_the_chain(model):
    positive, negative = prompt("sd3", 1), prompt("sd3", 2)
    turned = ROWS[::-1]
    expected = sample(chain(model, turned), positive, negative)
    assert torch.equal(sample(mixed(model, turned), positive, negative), expected)


def test_a_name_picks_the_slider_of_a_row(model):
    positive, negative = prompt("sd3", 1), prompt("sd3", 2)
    without = [row for row in ROWS if row.get("name") != "smile"]
    off = sample(mixed(model), at(positive, "0", "smile"), at(negative, "0", "smile"))
    assert torch.allclose(off, sample(mixed(model, without), positive, negative), atol=1e-4)


def test_one_strength_scales_all_rows(model):
    positive, negative = prompt("sd3", 1), prompt("sd3", 2)
    half = [{**row, "strength": row["strength"] * 0.5} for row in ROWS]
    expected = sample(chain(model, half), positive, negative)
    assert torch.equal(sample(mixed(model, strength=0.5), positive, negative), expected)
    assert torch.equal(
        sample(mixed(model, strength=0.0), positive, negative), sample(model, positive, negative)
    )


def test_rows_go_by_the_curves_of_their_files_unless_it_is_turned_off(model, files):
    positive, negative = prompt("sd3", 1), prompt("sd3", 2)
    raw = sample(mixed(model, [ROWS[0]]), positive, negative)
    curve = Curve(((-1.0, -1.0), (0.0, 0.0), (0.7, 0.3), (1.0, 1.0)))
    save(with_curve(slider("sd3", 0), curve), files / ROWS[0]["file"])
    bent = sample(mixed(model, [ROWS[0]]), positive, negative)
    assert torch.equal(bent, sample(chain(model, [ROWS[0]]), positive, negative))
    assert torch.equal(bent, sample(chain(model, [{**ROWS[0], "strength": 0.3}], False), positive, negative))
    off = sample(mixed(model, [ROWS[0]], response_curve=False), positive, negative)
    assert torch.allclose(off, raw, atol=1e-5) and not torch.allclose(bent, raw, atol=1e-3)


def test_no_row_that_is_on_leaves_the_model_as_it_is(model):
    output = SliderMixer.execute(model=model, rows=[ROWS[1]])
    assert output.result[0] is model and output.result[1].startswith("No slider is on")


def test_the_report_names_each_row_and_what_fits(model):
    report = SliderMixer.execute(model=model, rows=ROWS).result[1]
    heads = [part.splitlines()[0] for part in report.split("\n\n")]
    assert [head.partition(":")[0] for head in heads] == ["smile at +0.7", "curls at -1.2", "age at +0.4"]
    assert all("Adapters on 4 layers." in head for head in heads)


def test_cross_effects_are_met_with_counter_doses(model):
    positive, negative = prompt("sd3", 1), prompt("sd3", 2)
    rows = [{"file": "smile.safetensors", "strength": 0.8}, {"file": "age.safetensors", "strength": 0.0}]
    output = SliderMixer.execute(model=model, rows=rows, cross_effects="smile: age 0.2\nage: smile 0.1")
    exact = np.linalg.solve([[1, 0.1], [0.2, 1]], [0.8, 0.0])
    dosed = [{**row, "strength": float(s)} for row, s in zip(rows, exact, strict=True)]
    got = sample(output.result[0], positive, negative)
    plain = sample(chain(model, rows), positive, negative)
    expected = sample(chain(model, dosed), positive, negative)
    assert (got - expected).abs().max() < 0.05 * (plain - expected).abs().max()
    assert "age at +0, counter-dose -0.16" in output.result[1]


def test_counter_doses_are_for_the_rows_that_are_on(model):
    positive, negative = prompt("sd3", 1), prompt("sd3", 2)
    rows = [ROWS[0], ROWS[1]]  # age is off
    got = sample(mixed(model, rows, cross_effects="smile: age 0.2"), positive, negative)
    assert torch.equal(got, sample(chain(model, rows), positive, negative))
    with pytest.raises(ValueError, match="No slider is called 'hat'"):
        mixed(model, rows, cross_effects="smile: hat 0.2")


def test_only_the_file_of_a_row_must_be_given():
    assert mixer_rows('[{"file": "a"}]') == [MixerRow("a", True, 1.0, 0.0, 1.0, "")]
    assert mixer_rows("") == []


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"file": "a"}, "must be a list like"),
        ("{", "not valid JSON"),
        (["a"], "Row 1 is 'a'; it must be an object"),
        ([{"strength": 1.0}], "Row 1 has no file"),
        ([{"file": "smile.safetensors"}, {"fiel": "x"}], "Row 2 has 'fiel'; the keys of a row are file, on"),
        ([{"file": "smile.safetensors", "strength": "1"}], "strength of row 1 is '1'; it must be a number"),
        ([{"file": "smile.safetensors", "strength": float("nan")}], "strength of row 1 is nan"),
        ([{"file": "smile.safetensors", "on": 1}], "on of row 1 is 1; it must be true or false"),
        (
            [{"file": "smile.safetensors", "start": 0.8, "end": 0.2}],
            "Row 1 starts at 0.8, after its end at 0.2",
        ),
        ([{"file": "gone.safetensors"}], "There is no file 'gone.safetensors'"),
        ([{"file": "smile.safetensors"}] * 101, "at most 100"),
    ],
)
def test_bad_rows_are_said_before_the_job_starts(rows, said):
    messages = validated(SliderMixer, model=["1", 0], rows={"__value__": rows})
    assert any(said in message for message in messages), messages


def test_a_file_that_changes_is_read_again(files):
    before = SliderMixer.fingerprint_inputs(ROWS)
    save_file(slider("sd3", 9), files / "age.safetensors")
    os.utime(files / "age.safetensors", (1, 1))
    assert SliderMixer.fingerprint_inputs(ROWS) != before
