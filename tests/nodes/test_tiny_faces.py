"""The model, the slider and the pictures that come along, as ComfyUI's own nodes see them."""

import comfy.sd
import folder_paths
import nodes
import pytest
import torch
from concept_sliders.nodes.apply import SliderApply
from concept_sliders.nodes.tiny_faces import TinyFaces


@pytest.fixture
def loaded(offered):
    with torch.inference_mode():
        return nodes.CheckpointLoaderSimple().load_checkpoint("tiny_faces.safetensors")


def encoded(clip, text):
    with torch.inference_mode():
        return nodes.CLIPTextEncode().encode(clip, text)[0][0][0]


def test_the_files_are_in_comfyuis_lists_and_nothing_else_is(offered):
    assert "tiny_faces.safetensors" in folder_paths.get_filename_list("checkpoints")
    assert "measure.safetensors" not in folder_paths.get_filename_list("checkpoints")
    assert "tiny_faces_smile.safetensors" in folder_paths.get_filename_list("loras")


def test_load_checkpoint_gives_all_three_and_the_text_is_understood(loaded):
    model, clip, vae = loaded
    red, blue = (encoded(clip, f"a person with {colour} hair") for colour in ("red", "blue"))
    assert red.isfinite().all() and not torch.equal(red, blue)
    assert model is not None and vae is not None


def test_a_checkpoint_that_is_saved_again_has_the_same_text_encoder(loaded, offered, tmp_path):
    model, clip, vae = loaded
    file = str(tmp_path / "saved.safetensors")
    comfy.sd.save_checkpoint(file, model, clip, vae)
    _, again, *_ = comfy.sd.load_checkpoint_guess_config(file)
    assert torch.equal(
        encoded(again, "a person with long pink hair"), encoded(clip, "a person with long pink hair")
    )


def test_the_slider_fits_the_model_and_says_its_range(loaded):
    report = SliderApply.execute(1.0, model=loaded[0], slider_file="tiny_faces_smile.safetensors").result[2]
    assert "Adapters on 10 layers." in report and "Usable from -1" in report


def test_other_models_of_its_kind_are_what_they_were(offered):
    class_of = comfy.model_detection.model_config_from_unet_config
    config = {"in_channels": 16, "pos_embed_scaling_factor": None}
    assert type(class_of(config, {})).__name__ == "SD3"
    assert type(class_of(config, {"tiny_faces_text.words.weight": None})) is TinyFaces
