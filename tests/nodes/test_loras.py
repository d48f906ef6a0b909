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
    assert "Adapters on 1 layer." in report and "Usable from -1.5 to +2" in report


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


LAYER = "diffusion_model.joint_blocks.0.x_block.attn.proj"
TEXT = {f"lora_te1_text_model_encoder_layers_{n}_mlp_fc1.lora_up.weight": torch.ones(4, 2) for n in range(3)}


def lora_of(layer, rows=128, columns=128):
    return {f"{layer}.lora_up.weight": torch.ones(rows, 2), f"{layer}.lora_down.weight": torch.ones(2, columns)}


def test_what_does_not_fit_is_the_first_thing_that_the_node_says(model, caplog):
    file = {**lora_of(LAYER), **lora_of("transformer.transformer_blocks.9.attn.to_q"), **TEXT}
    output = SliderApply.execute(0.5, model=model, slider=Slider(file))
    report = output.result[2]
    first, second, *_ = report.splitlines()
    assert first.startswith(
        "⚠ Only 1 of 2 layers of this file fit the model. Left out: transformer.transformer_b"
    )
    assert second == "3 tensors are for the text encoder, which sliders leave alone."
    assert output.ui["text"] == (report,)
    assert first in caplog.messages


def test_a_file_that_fits_whole_gives_no_warning(model, caplog):
    report = SliderApply.execute(0.5, model=model, slider=Slider({**lora_of(LAYER), **TEXT})).result[2]
    assert "⚠" not in report and "not for this model" not in report
    assert report.startswith("3 tensors are for the text encoder")


@pytest.mark.parametrize("suffix", [".pt", ".ckpt"])
def test_pickled_loras_are_read_without_running_what_is_in_them(folder, model, suffix, tmp_path):
    torch.save(lora_of(LAYER), folder / f"old{suffix}")
    torch.save({"state_dict": lora_of(LAYER)}, folder / f"nested{suffix}")
    for name in ("old", "nested"):
        slider, report = SliderLoad.execute(f"{name}{suffix}").result
        assert slider.keys() == lora_of(LAYER).keys() and report.startswith("2 tensors.")

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save({"weight": Evil()}, folder / f"evil{suffix}")
    with pytest.raises(ValueError, match=rf"evil\{suffix} cannot be read.*Use a \.safetensors file"):
        SliderLoad.execute(f"evil{suffix}")
    assert not (tmp_path / "ran").exists()
    torch.save({"step": 3}, folder / f"empty{suffix}")
    with pytest.raises(ValueError, match="holds no tensors"):
        SliderLoad.execute(f"empty{suffix}")
