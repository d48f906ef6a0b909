"""Names and numbers of the files that Train Slider and Save Slider write."""

import os

import folder_paths
import pytest
import torch
from concept_sliders.nodes.files import SliderSave
from concept_sliders.nodes.train import SliderTrainer
from concept_sliders.slider_core.files import load, naming
from concept_sliders.slider_core.files.atomic import NotWrittenError
from concept_sliders.slider_core.files.naming import places, save_numbered, slider_name

SLIDER = {"diffusion_model.a.lora_up.weight": torch.ones(4, 2)}


@pytest.fixture
def output(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "output_directory", str(tmp_path / "output"))
    (tmp_path / "output").mkdir()
    return tmp_path / "output"


@pytest.mark.parametrize(
    "given, name",
    [
        ("smile", "loras/smile"),
        ("loras/smile", "loras/smile"),
        ("people/smile", "loras/people/smile"),
        ("loras\\people\\smile", "loras/people/smile"),
        ("LoRAs/smile", "loras/smile"),
        ("smile.safetensors", "loras/smile"),
        ("smile.SafeTensors.safetensors", "loras/smile"),
        (" smile .", "loras/smile"),
        ("./smile", "loras/smile"),
        ("a.b", "loras/a.b"),
        ("loras/12:30", "loras/12_30"),
        ('what? "yes" <a|b>*', "loras/what_ _yes_ _a_b__"),
        ("con", "loras/_con"),
        ("nul.old/aux", "loras/_nul.old/_aux"),
        ("com1 .x", "loras/_com1 .x"),
        ("console", "loras/console"),
        ("people./smile", "loras/people/smile"),
        ("loras/मुस्कान", "loras/मुस्कान"),
        ("ह" * 66, "loras/" + "ह" * 66),
    ],
)
def test_what_can_be_used_lands_in_the_lora_folder_under_a_name_for_every_system(output, given, name):
    assert slider_name(given).as_posix() == name
    assert SliderTrainer.validate_inputs(given) is True and SliderSave.validate_inputs(given) is True
    assert next(places(output, given)) == output.resolve() / f"{slider_name(given)}_00001_.safetensors"


@pytest.mark.parametrize("name", ["ह" * 84, "a" * 201, "loras/" + "ü" * 120, f"{'b' * 210}/smile"])
def test_a_name_that_is_too_long_is_said_before_the_training(output, name):
    for said in (SliderTrainer.validate_inputs(name), SliderSave.validate_inputs(name)):
        assert "bytes long, and 200 is the most" in said
    with pytest.raises(ValueError, match="bytes long"):
        next(places(output, name))


@pytest.mark.parametrize(
    "name",
    ["", " ", "loras/ ", "loras/", "loras", "people/.", ".safetensors", "a\nb", "a\0b", "loras/\ud800", "."],
)
def test_names_that_no_file_can_have_are_said(output, name):
    assert "Give a name such as smile" in SliderTrainer.validate_inputs(name)
    with pytest.raises(ValueError, match="file_name"):
        next(places(output, name))


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "/", "loras/..", "C:\\output\\loras\\smile", "a/../../x"])
def test_names_that_lead_elsewhere_are_refused(output, name):
    with pytest.raises(ValueError, match="leads out of"):
        next(places(output, name))
    assert isinstance(SliderSave.validate_inputs(name), str)


def test_a_name_that_comes_by_a_link_is_looked_at_when_it_is_there():
    assert SliderSave.validate_inputs(None) is True


def test_the_time_in_a_name(output):
    assert naming.slider_name("%year%-%month%/smile%").parts[1][:2] == "20"


def test_a_file_that_appears_meanwhile_stays(output, monkeypatch):
    """As when two servers write below one output folder: the number is taken after it was chosen."""
    next_number = naming._next_number

    def late(folder, name):
        chosen = next_number(folder, name)
        (folder / "smile_00001_.safetensors").write_bytes(b"another's")
        return chosen

    monkeypatch.setattr(naming, "_next_number", late)
    path = save_numbered(SLIDER, output, "smile")
    assert path.name == "smile_00002_.safetensors" and torch.equal(
        load(path)[next(iter(SLIDER))], torch.ones(4, 2)
    )
    assert (output / "loras" / "smile_00001_.safetensors").read_bytes() == b"another's"


def test_the_number_follows_the_highest_one(output):
    (output / "loras").mkdir()
    for name in ("smile_00007_stopped_at_3.safetensors", "smile_00002_.safetensors", "smile_x_.safetensors"):
        (output / "loras" / name).touch()
    assert save_numbered(SLIDER, output, "smile").name == "smile_00008_.safetensors"
    assert save_numbered(SLIDER, output, "smile", "_end").name == "smile_00009__end.safetensors"


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_an_output_folder_that_is_a_link(output, monkeypatch):
    link = output.parent / "link"
    link.symlink_to(output)
    monkeypatch.setattr(folder_paths, "output_directory", str(link))
    name, report = SliderSave.execute(slider=SLIDER, file_name="loras/smile").result
    assert name == "loras/smile_00001_.safetensors" and (output / name).is_file()
    assert save_numbered(SLIDER, link, "loras/smile").name == "smile_00002_.safetensors"
    (output / "loras" / "away").symlink_to(output.parent)
    with pytest.raises(ValueError, match="by a link"):
        next(places(output, "away/smile"))


def test_a_folder_that_is_a_file_is_said(output):
    (output / "loras").write_text("no folder")
    with pytest.raises(NotWrittenError, match="See that it is a folder"):
        next(places(output, "loras/smile"))
