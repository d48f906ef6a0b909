"""Sliders from ComfyUI's LoRA folders."""

import os

import folder_paths
import pytest
import torch
from concept_sliders.nodes.apply import SliderApply
from concept_sliders.nodes.loras import SliderLoad
from concept_sliders.slider_core.files import Slider, save


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setitem(folder_paths.folder_names_and_paths, "loras", ([str(tmp_path)], {".safetensors"}))
    layer = "diffusion_model.joint_blocks.0.x_block.attn.proj"
    tensors = {f"{layer}.lora_up.weight": torch.ones(128, 2), f"{layer}.lora_down.weight": torch.ones(2, 128)}
    metadata = {"base_model": "SD3", "kind": "lora", "rank": "2", "steps": "300", "usable_range": "[-1.5, 2]"}
    save(
        Slider(tensors, {**metadata, "buckets": '[["more", 6, 0.5], ["plain", 4, null]]'}),
        tmp_path / "smile.safetensors",
    )
    return tmp_path


def test_a_file_tells_how_it_was_made_and_how_to_use_it(folder):
    slider, report = SliderLoad.execute("smile.safetensors").result
    assert len(slider) == 2
    assert "Trained on SD3 (lora, rank 2, 300 steps)." in report
    assert "Bucket more: 6 pictures at +0.5." in report and "Bucket plain: 4 pictures at neutral." in report
    assert "Usable from -1.5 to +2" in report


def test_apply_slider_takes_a_file_and_shows_its_range(folder, model):
    _, _, report = SliderApply.execute(0.5, model=model, slider_file="smile.safetensors").result
    assert "1 adapters on 1 layers" in report and "Usable from -1.5 to +2" in report


def test_a_file_that_was_written_again_is_read_again(folder):
    before = SliderApply.fingerprint_inputs("smile.safetensors")
    os.utime(folder / "smile.safetensors", (1, 1))
    assert before != SliderApply.fingerprint_inputs("smile.safetensors")


@pytest.mark.parametrize("name", ["other.safetensors", "../../secret.safetensors"])
def test_files_that_are_not_on_the_list_are_refused(folder, name):
    assert "no file" in SliderLoad.validate_inputs(name)


def test_a_damaged_file_is_named(folder):
    (folder / "smile.safetensors").write_bytes(b"cut off")
    with pytest.raises(ValueError, match=r"smile\.safetensors"):
        SliderLoad.execute("smile.safetensors")
