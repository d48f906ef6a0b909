"""SliderPromptLibrary and SliderSweep as the server runs them, on a tiny model."""

import json
import sys
from pathlib import Path

import folder_paths
import numpy as np
import pytest
import torch
from comfy.model_management import InterruptProcessingException
from comfy.utils import ProgressBar
from concept_sliders.nodes import sweep_pictures
from concept_sliders.nodes.prompts import EXAMPLE, NO_FILE, SliderPromptLibrary
from concept_sliders.nodes.sweep import SliderSweep
from concept_sliders.slider_core.strength import STRENGTH_KEY, rows_of
from PIL import Image
from safetensors.torch import save_file

sys.path.append(str(Path(__file__).parent.parent))
from tiny_models import tiny_model


class TinyClip:
    """Encodes a text as numbers that depend on it, in the shape of the tiny model's conditioning."""

    def tokenize(self, text):
        return text

    def encode_from_tokens_scheduled(self, text):
        random = torch.Generator().manual_seed(sum(text.encode()))
        return [
            [torch.randn(1, 6, 48, generator=random), {"pooled_output": torch.randn(1, 24, generator=random)}]
        ]


class TinyVAE:
    def decode(self, latents):
        return latents[:, :3].movedim(1, -1).repeat_interleave(8, 1).repeat_interleave(8, 2).sigmoid()


@pytest.fixture(scope="module")
def model():
    return tiny_model("sd3")


@pytest.fixture(scope="module")
def slider():
    random = torch.Generator().manual_seed(3)
    name = "diffusion_model.joint_blocks.0.x_block.attn.qkv"
    return {
        f"{name}.lora_up.weight": torch.randn(384, 4, generator=random) * 0.1,
        f"{name}.lora_down.weight": torch.randn(4, 128, generator=random) * 0.1,
    }


@pytest.fixture
def folders(tmp_path, monkeypatch):
    for name in ("input", "temp", "output"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(folder_paths, f"{name}_directory", str(tmp_path / name))
    return tmp_path


def run(node, **inputs):
    """A node's outputs, with the schema's defaults for widgets that are not given."""
    schema = node.define_schema()
    defaults = {i.id: i.default for i in schema.inputs if getattr(i, "default", None) is not None}
    return node.execute(**{**defaults, **inputs})


@pytest.fixture
def sweep_inputs(model, slider, folders):
    return {
        "model": model,
        "slider": slider,
        "vae": TinyVAE(),
        "negative": TinyClip().encode_from_tokens_scheduled(""),
        "strengths": "-1, 1",
        "steps": 2,
        "cfg": 2.0,
        "width": 64,
        "height": 48,
        "seeds": 2,
    }


def test_each_prompt_carries_its_strength(folders):
    prompts, conditionings, names, report = run(SliderPromptLibrary, clip=TinyClip(), strength=0.8).args
    assert names == ["plain", "slider_plus", "slider_minus"]
    strengths = [rows_of(entry[0][1][STRENGTH_KEY], "any", 1.0, 1) for entry in conditionings]
    assert strengths == [[0.8], [1.2], [-0.5]]
    assert [prompt.strength for prompt in prompts] == [0.8, 1.2, -0.5]
    assert report.splitlines()[1] == "slider_plus: +1.2  same prompt"


def test_a_library_from_a_file(folders):
    (folders / "input" / "sets").mkdir()
    (folders / "input" / "sets" / "faces.json").write_text(json.dumps({"a": "a face"}))
    assert SliderPromptLibrary.validate_inputs("sets/faces.json") is True
    *_, names, _ = run(SliderPromptLibrary, clip=TinyClip(), file="sets/faces.json").args
    assert names == ["a"]
    before = SliderPromptLibrary.fingerprint_inputs("sets/faces.json")
    (folders / "input" / "sets" / "faces.json").touch()
    assert SliderPromptLibrary.fingerprint_inputs("sets/faces.json") != before
    assert SliderPromptLibrary.fingerprint_inputs(NO_FILE) == SliderPromptLibrary.fingerprint_inputs(NO_FILE)


@pytest.mark.parametrize("file", ["../secret.json", "/etc/passwd", "gone.json"])
def test_files_outside_the_input_folder_are_refused(folders, file):
    (folders / "secret.json").write_text("{}")
    assert "below ComfyUI's input folder" in SliderPromptLibrary.validate_inputs(file)
    with pytest.raises((ValueError, FileNotFoundError)):
        run(SliderPromptLibrary, clip=TinyClip(), file=file)


def test_a_sweep_of_a_library(folders, sweep_inputs):
    prompts = run(SliderPromptLibrary, clip=TinyClip()).args[0]
    output = run(SliderSweep, prompts=prompts, **sweep_inputs)
    grid, frames, report, slider = output.args
    assert frames.shape == (3 * 2 * 3, 48, 64, 3) and 0 <= frames.min() and frames.max() <= 1
    assert grid.ndim == 4 and grid.shape[2] > 3 * 64 and grid.shape[1] > 6 * 48
    assert "Usable range" in report or "No usable range" in report
    assert json.loads(slider.metadata["usable_range"])[0] <= 0
    (shown,) = output.ui["slider_sweep"]
    assert json.loads(json.dumps(shown))["strengths"] == [-1.0, 0.0, 1.0]
    assert [(row["prompt"], row["seed"]) for row in shown["rows"]][:2] == [
        ("regular prompt", "seed 0"),
        ("regular prompt", "seed 1"),
    ]
    assert [len(row) for row in shown["frames"]] == [3] * 6
    for file in (file for row in shown["frames"] for file in row):
        assert (folders / "temp" / file["subfolder"] / file["filename"]).is_file()


def test_the_last_seed_is_followed_by_the_first(sweep_inputs):
    """2**64 is no seed: with two seeds the sweep ended in a bare error."""
    positive = TinyClip().encode_from_tokens_scheduled("a face")
    output = run(SliderSweep, positive=positive, **{**sweep_inputs, "seed": 2**64 - 1, "steps": 1})
    rows = output.ui["slider_sweep"][0]["rows"]
    assert [row["seed"] for row in rows] == [f"seed {2**64 - 1}", "seed 0"]


def test_a_sweep_of_one_prompt_from_a_latent(sweep_inputs):
    positive = TinyClip().encode_from_tokens_scheduled("a face")
    latent = {"samples": torch.zeros(1, 16, 4, 4)}
    frames = run(SliderSweep, positive=positive, latent_image=latent, **{**sweep_inputs, "seeds": 1}).args[1]
    assert frames.shape == (3, 32, 32, 3)


def test_a_sweep_of_a_slider_file(sweep_inputs, slider, folders, monkeypatch):
    save_file(slider, folders / "mine.safetensors")
    monkeypatch.setitem(folder_paths.folder_names_and_paths, "loras", ([str(folders)], {".safetensors"}))
    positive = TinyClip().encode_from_tokens_scheduled("a face")
    of_file = run(
        SliderSweep, positive=positive, **{**sweep_inputs, "slider": None, "slider_file": "mine.safetensors"}
    )
    assert torch.equal(of_file.args[1], run(SliderSweep, positive=positive, **sweep_inputs).args[1])


def test_what_of_a_slider_does_not_fit_is_said_first(sweep_inputs, slider):
    strange = {**slider, "transformer.transformer_blocks.9.attn.to_q.lora_A.weight": torch.ones(2, 128)}
    positive = TinyClip().encode_from_tokens_scheduled("a face")
    output = run(SliderSweep, positive=positive, **{**sweep_inputs, "seeds": 1, "slider": strange})
    assert output.args[2].startswith("⚠ Only 1 of 2 layers of this file fit the model")
    assert output.ui["text"][0] == output.args[2]


def test_bad_inputs_are_said(sweep_inputs):
    positive = TinyClip().encode_from_tokens_scheduled("a face")
    with pytest.raises(ValueError, match="either positive or prompts"):
        run(SliderSweep, **sweep_inputs)
    with pytest.raises(ValueError, match="either positive or prompts"):
        run(SliderSweep, positive=positive, prompts=(1,), **sweep_inputs)
    with pytest.raises(ValueError, match="choose a file"):
        run(SliderSweep, positive=positive, **{**sweep_inputs, "slider": None})
    with pytest.raises(ValueError, match="No layer of the slider fits"):
        run(
            SliderSweep,
            positive=positive,
            **{**sweep_inputs, "slider": {"nowhere.diff": torch.zeros(1)}},
        )
    with pytest.raises(ValueError, match="vae input got nothing"):
        run(SliderSweep, positive=positive, **{**sweep_inputs, "vae": None})
    with pytest.raises(ValueError, match="clip input got nothing"):
        run(SliderPromptLibrary, clip=None)
    assert "start:stop:count" in SliderSweep.validate_inputs("-2:2")


def test_the_example_in_the_widget_is_the_guides():
    assert set(json.loads(EXAMPLE)) == {"plain", "slider_plus", "slider_minus"}


def test_a_full_temp_folder_costs_the_viewer_only(sweep_inputs, folders):
    (folders / "temp").rmdir()
    (folders / "temp").write_text("no folder")
    positive = TinyClip().encode_from_tokens_scheduled("a face")
    output = run(SliderSweep, positive=positive, **sweep_inputs)
    assert output.args[1].shape == (2 * 3, 48, 64, 3)
    assert "slider_sweep" not in output.ui and "cannot be written to" in output.ui["text"][-1]


@pytest.mark.parametrize("reason", [InterruptProcessingException, torch.OutOfMemoryError])
def test_a_sweep_that_is_cancelled_keeps_the_rows_that_are_done(sweep_inputs, folders, monkeypatch, reason):
    positive = TinyClip().encode_from_tokens_scheduled("a face")
    two_rows = run(SliderSweep, positive=positive, **{**sweep_inputs, "keep": "nothing"}).args[0]

    def after_two_rows(self, value, *_):
        if value > 2 * 3 * 2:
            raise reason

    told = []
    monkeypatch.setattr(sweep_pictures, "shown_now", lambda ui, node: told.append(ui))
    monkeypatch.setattr(ProgressBar, "update_absolute", after_two_rows)
    with pytest.raises(reason):
        run(SliderSweep, positive=positive, **{**sweep_inputs, "seeds": 4})
    (kept,) = (folders / "output").iterdir()
    assert kept.name == "slider_sweep_00001_stopped.png"
    with Image.open(kept) as grid:
        assert np.abs(np.asarray(grid) / 255 - two_rows[0].numpy()).max() < 0.01
    (ui,) = told  # what the viewer gets, although the run has no end
    (shown,) = ui["slider_sweep"]
    assert [row["seed"] for row in shown["rows"]] == ["seed 0", "seed 1"] and shown["stopped"]
    assert [len(row) for row in shown["frames"]] == [3, 3] and "2 rows that are done" in ui["text"][0]


def test_a_sweep_that_is_cancelled_at_once_writes_nothing(sweep_inputs, folders, monkeypatch):
    def at_once(*_):
        raise InterruptProcessingException

    monkeypatch.setattr(ProgressBar, "update_absolute", at_once)
    with pytest.raises(InterruptProcessingException):
        run(SliderSweep, positive=TinyClip().encode_from_tokens_scheduled("a face"), **sweep_inputs)
    assert not list((folders / "output").iterdir())


@pytest.mark.parametrize("widget", ["cfg", "denoise"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_said(sweep_inputs, widget, value):
    """ComfyUI compares with the widget's limits, which NaN passes."""
    positive = TinyClip().encode_from_tokens_scheduled("a face")
    with pytest.raises(ValueError, match=f"{widget} .*finite"):
        run(SliderSweep, positive=positive, **{**sweep_inputs, widget: value})
