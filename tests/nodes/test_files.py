"""Names and numbers of the files that Train Slider and Save Slider write."""

import os

import folder_paths
import pytest
import torch
from concept_sliders.nodes.files import SliderSave, place_of, save_numbered
from concept_sliders.nodes.names import name_error
from concept_sliders.nodes.train import SliderTrainer
from concept_sliders.slider_core.files import load
from concept_sliders.slider_core.files.atomic import NotWrittenError

SLIDER = {"diffusion_model.a.lora_up.weight": torch.ones(4, 2)}


@pytest.fixture
def output(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "output_directory", str(tmp_path / "output"))
    (tmp_path / "output").mkdir()
    return tmp_path / "output"


@pytest.mark.parametrize("name", ["ह" * 84, "a" * 201, "loras/" + "ü" * 120, f"{'b' * 210}/smile"])
def test_a_name_that_is_too_long_is_said_before_the_training(output, name):
    for said in (SliderTrainer.validate_inputs(name), SliderSave.validate_inputs(name)):
        assert "bytes long, and 200 is the most" in said
    with pytest.raises(ValueError, match="bytes long"):
        place_of(name)


@pytest.mark.parametrize("name", ["", " ", "loras/ ", "loras/..", "/", "a\nb", "a\0b", "loras/\ud800"])
def test_names_that_no_file_can_have_are_said(output, name):
    assert isinstance(SliderTrainer.validate_inputs(name), str)
    with pytest.raises(ValueError, match="file_name"):
        place_of(name)


@pytest.mark.parametrize(
    "name", ["loras/12:30", "what?", "loras\\a*", "con", "loras/NUL.old", "smile.", "smile /a"]
)
def test_names_that_windows_does_not_have(name):
    assert name_error(name, windows=True) and name_error(name, windows=False) is None


@pytest.mark.parametrize(
    "name", ["smile", "loras/smile", "loras/मुस्कान", "ह" * 66, "a.b", "C:\\output\\loras\\smile"]
)
def test_other_names_are_good(name):
    assert name_error(name) is None and name_error(name, windows=True) is None
    assert SliderTrainer.validate_inputs(name) is True and SliderSave.validate_inputs(None) is True


def test_a_file_that_appears_meanwhile_stays(output, monkeypatch):
    """As when two servers write below one output folder: the number is taken after it was chosen."""
    whole = folder_paths.get_save_image_path

    def late(*args):
        chosen = whole(*args)
        (output / "smile_00001_.safetensors").write_bytes(b"another's")
        return chosen

    monkeypatch.setattr(folder_paths, "get_save_image_path", late)
    path = save_numbered(SLIDER, "smile")
    assert path.name == "smile_00002_.safetensors" and torch.equal(
        load(path)[next(iter(SLIDER))], torch.ones(4, 2)
    )
    assert (output / "smile_00001_.safetensors").read_bytes() == b"another's"


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_an_output_folder_that_is_a_link(output, monkeypatch):
    link = output.parent / "link"
    link.symlink_to(output)
    monkeypatch.setattr(folder_paths, "output_directory", str(link))
    name, report = SliderSave.execute(SLIDER, "loras/smile").result
    assert name == "loras/smile_00001_.safetensors" and (output / name).is_file()
    assert save_numbered(SLIDER, "loras/smile").name == "smile_00002_.safetensors"


def test_a_folder_that_is_a_file_is_said(output):
    (output / "loras").write_text("no folder")
    with pytest.raises(NotWrittenError, match="See that it is a folder"):
        place_of("loras/smile")
