"""Previews while Train Slider runs, what is kept of them, and the range that is measured at its end."""

import json
from io import BytesIO

import pytest
import torch
from comfy.model_management import InterruptProcessingException
from concept_sliders.nodes.output_folder import previews_for_page
from concept_sliders.slider_core.curve import curve_of
from concept_sliders.slider_core.files import load, usable_range
from concept_sliders.slider_core.files.beside import thumbnail_of
from concept_sliders.slider_core.runs.preview import TrainingPreview
from nodes import ConditioningZeroOut
from PIL import Image
from small_run import Progress, Vae, run
from small_training import buckets, example
from tiny_models import TinyVAE


def test_previews_need_a_vae(model, output):
    with pytest.raises(ValueError, match="connect vae"):
        run(model, preview_every=2)


def previews(model, **settings):
    run(model, progress := Progress(), preview_every=2, preview_steps=2, vae=Vae(), **settings).train()
    return progress.pictures


def test_previews_show_the_slider_while_it_trains(model, output):
    pictures = previews(model)
    assert len(pictures) == 2 and pictures[0].width > pictures[0].height


def test_previews_are_of_the_prompts_connected_else_of_the_first_caption_and_an_empty_prompt(model, output):
    def preview(**prompts):
        return previews(model, steps=2, resume="start over", **prompts)[0].tobytes()

    caption, other = buckets()[0].examples[0].conditioning, example("other").conditioning
    (empty,) = ConditioningZeroOut().zero_out(caption)
    default = preview()
    assert preview(preview_prompt=caption, preview_negative=empty) == default
    assert len({default, preview(preview_prompt=other), preview(preview_negative=other)}) == 3


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, InterruptProcessingException])
def test_a_preview_that_fails_costs_no_training_and_one_that_is_cancelled_ends_it(
    model, output, error, monkeypatch
):
    def picture(self, slider):
        raise error("no room")

    monkeypatch.setattr(TrainingPreview, "picture", picture)
    trainer = run(model, preview_every=2, vae=TinyVAE(16))
    if error is InterruptProcessingException:
        with pytest.raises(error):
            trainer.train()
        assert trainer.path.name == "smile_00001_stopped_at_2.safetensors"
    else:
        assert trainer.train().steps == 4
        assert any("There is no preview (no room)" in said for said in trainer.messages)
        assert not trainer.progress.pictures


def test_where_previews_are_made_the_finished_slider_has_its_measured_range_and_curve(model, output):
    trainer = run(model, preview_every=2, preview_steps=2, vae=Vae(), learning_rate=0.05, steps=8)
    slider = trainer.train().slider
    low, high = usable_range(slider)
    curve = curve_of(load(trainer.path))
    assert low < high and curve == curve_of(slider)
    assert low <= curve.raw(-1) < 0 < curve.raw(1) <= high
    assert any(said.startswith("Usable range") for said in trainer.messages)


@pytest.mark.parametrize("settings", [{"preview_every": 2, "store_curve": False}, {"preview_every": 0}])
def test_nothing_is_measured_without_previews_or_when_it_is_turned_off(model, output, settings, monkeypatch):
    monkeypatch.setattr(TrainingPreview, "report", lambda *_: pytest.fail("measured"))
    assert usable_range(run(model, preview_steps=1, vae=Vae(), **settings).train().slider) is None


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, InterruptProcessingException])
def test_a_measurement_that_fails_or_is_cancelled_costs_no_slider(model, output, error, monkeypatch):
    def report(self, slider):
        raise error("no room")

    monkeypatch.setattr(TrainingPreview, "report", report)
    trainer = run(model, preview_every=2, preview_steps=1, vae=Vae())
    if error is InterruptProcessingException:
        with pytest.raises(error):
            trainer.train()
    else:
        trainer.train()
        assert any("could not be measured (no room)" in said for said in trainer.messages)
    (file,) = (output / "loras").glob("*.safetensors")
    assert load(file).metadata["steps"] == "4"


def test_previews_are_kept_by_step_with_an_index(model, output):
    trainer = run(model, steps=4, preview_every=2, preview_steps=1, vae=Vae(), resume="start over")
    trained = trainer.train()
    (folder,) = (output / "slider_previews").iterdir()
    index = json.loads((folder / "index.json").read_text())
    assert index == [{"step": 2, "file": "step_000002.png"}, {"step": 4, "file": "step_000004.png"}]
    place = {"subfolder": f"slider_previews/{folder.name}", "type": "output"}
    assert previews_for_page(trainer.shown, output) == [
        {"filename": entry["file"], "step": entry["step"], **place} for entry in index
    ]
    small = Image.open(BytesIO(thumbnail_of(trained.slider.metadata)))
    with Image.open(folder / "step_000004.png") as last:
        assert last.width > last.height and abs(last.width / last.height - small.width / small.height) < 0.1
    assert trainer.path.with_suffix(".jpg").is_file()


def test_previews_of_a_training_that_is_continued_are_in_one_folder(model, output):
    with pytest.raises(InterruptProcessingException):
        run(model, Progress(cancel_at=3), preview_every=2, preview_steps=1, vae=Vae()).train()
    run(model, preview_every=2, preview_steps=1, vae=Vae()).train()
    (folder,) = (output / "slider_previews").iterdir()
    assert [entry["step"] for entry in json.loads((folder / "index.json").read_text())] == [2, 4]
