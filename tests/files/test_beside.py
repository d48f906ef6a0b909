"""What lies beside a slider file, and the picture in it."""

import json
from io import BytesIO

import pytest
import torch
from concept_sliders.slider_core.files import Slider, load
from concept_sliders.slider_core.files.beside import notes_of, thumbnail_of, with_thumbnail, write_beside
from concept_sliders.slider_core.files.naming import save_numbered
from PIL import Image

TENSORS = {
    "diffusion_model.a.lora_up.weight": torch.ones(4, 2),
    "diffusion_model.a.lora_down.weight": torch.ones(2, 4),
}
METADATA = {
    "base_model": "SDXL",
    "steps": "300",
    "usable_range": "[-1.33333, 2.0]",
    "modelspec.usage_hint": "Concept slider: above 0 goes towards smile, below 0 towards frown.",
}


@pytest.fixture
def slider():
    return with_thumbnail(Slider(TENSORS, METADATA), Image.new("RGB", (1500, 300), (200, 40, 90)))


def test_a_saved_slider_has_its_notes_and_its_picture_beside_it(slider, tmp_path):
    path = save_numbered(slider, tmp_path, "smile")
    notes = json.loads(path.with_suffix(".json").read_text())
    assert notes == {
        "description": METADATA["modelspec.usage_hint"],
        "sd version": "SDXL",
        "activation text": "",
        "preferred weight": 2.0,
        "notes": f"{METADATA['modelspec.usage_hint']}\nTrained on SDXL, 300 steps.\n"
        "Usable from -1.33 to +2, as measured by a sweep.",
    }
    with Image.open(path.with_suffix(".jpg")) as picture:
        assert picture.size == (512, 102)
        assert all(abs(a - b) < 8 for a, b in zip(picture.getpixel((9, 9)), (200, 40, 90), strict=True))


def test_the_picture_is_in_the_metadata_of_the_file_as_modelspec_has_it(slider, tmp_path):
    uri = load(save_numbered(slider, tmp_path, "smile")).metadata["modelspec.thumbnail"]
    assert uri.startswith("data:image/jpeg;base64,") and len(uri) < 50_000
    with Image.open(BytesIO(thumbnail_of({"modelspec.thumbnail": uri}))) as picture:
        assert picture.format == "JPEG"


def test_without_a_picture_or_a_range_the_notes_say_what_there_is(tmp_path):
    path = save_numbered(Slider(TENSORS), tmp_path, "plain")
    assert json.loads(path.with_suffix(".json").read_text())["preferred weight"] == 1.0
    assert not path.with_suffix(".jpg").exists()
    assert notes_of({"usable_range": "[0, 0]"})["preferred weight"] == 1.0


def test_files_of_others_stay_as_they_are(slider, tmp_path):
    (tmp_path / "smile.json").write_text("mine")
    write_beside(tmp_path / "smile.safetensors", slider.metadata)
    assert (tmp_path / "smile.json").read_text() == "mine" and (tmp_path / "smile.jpg").is_file()


def test_notes_follow_a_range_that_is_measured_later(tmp_path):
    path = save_numbered(Slider(TENSORS), tmp_path, "smile")
    write_beside(path, METADATA, before={})
    assert json.loads(path.with_suffix(".json").read_text())["preferred weight"] == 2.0
    path.with_suffix(".json").write_text("mine")
    write_beside(path, {}, before=METADATA)
    assert path.with_suffix(".json").read_text() == "mine"


def test_a_folder_that_cannot_be_written_to_costs_no_slider(slider, tmp_path):
    write_beside(tmp_path / "gone" / "smile.safetensors", slider.metadata)


@pytest.mark.parametrize("uri", ["", "data:image/png;base64,AAAA", "data:image/jpeg;base64,é"])
def test_what_is_no_picture_is_none(uri):
    assert thumbnail_of({"modelspec.thumbnail": uri}) is None
