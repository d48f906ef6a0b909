"""Lists of pictures, as ComfyUI's dataset nodes give them, make one bucket; and inputs that no widget would allow."""

import math
import weakref

import folder_paths
import pytest
import torch
from as_comfyui import Vae, executed, validated
from comfy_extras.nodes_dataset import LoadImageDataSetFromFolderNode, LoadImageTextDataSetFromFolderNode
from concept_sliders.nodes.buckets import BucketLoader
from concept_sliders.nodes.cycle import CycleSampler
from concept_sliders.nodes.train import SliderTrainer
from concept_sliders.slider_core.data import folder as reading
from loaded_buckets import SETTINGS, chains_of
from PIL import Image


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Pictures of three sizes with captions, in ComfyUI's input folder."""
    monkeypatch.setattr(folder_paths, "input_directory", str(tmp_path))
    place = tmp_path / "faces"
    place.mkdir()
    for name, size in (("a", (64, 64)), ("b", (128, 64)), ("c", (64, 96))):
        Image.new("RGB", size, "red").save(place / f"{name}.png")
        (place / f"{name}.txt").write_text(f"face {name}")
    return place


def test_comfyuis_dataset_node_gives_one_bucket(folder):
    (images,) = executed(LoadImageDataSetFromFolderNode, folder=["faces"])
    assert len(images) == 3
    chains, reports = chains_of(images=images)
    ((bucket,),) = chains
    assert len(reports) == 1 and len(bucket.examples) == 3
    assert {tuple(e.latent.shape[2:]) for e in bucket.examples} == {(8, 8), (6, 12), (10, 6)}


def test_its_captions_too(folder):
    images, texts = executed(LoadImageTextDataSetFromFolderNode, folder=["faces"])
    ((bucket,),), _ = chains_of(images=images, prompt=texts)
    assert sorted(e.caption for e in bucket.examples) == ["face a", "face b", "face c"]
    with pytest.raises(ValueError, match="has 3 pictures but 2 prompts"):
        chains_of(images=images, prompt=texts[:2])


def test_a_cycle_behind_it_runs_once_and_buckets_chain(folder):
    (images,) = executed(LoadImageDataSetFromFolderNode, folder=["faces"])
    chains, _ = chains_of(images=images)
    chains, _ = chains_of(images=images, buckets=chains, slider_strength=-0.5)
    widgets = {"cycle": "together", "pairing": "auto", "weighting": "auto", "neutral": "anchor"}
    given = {name: [value] for name, value in {**widgets, "batch_size": 1, "seed": 0}.items()}
    cycles, plans = executed(CycleSampler, buckets=chains, **given)
    assert len(cycles) == len(plans) == 1 and len(cycles[0].buckets) == 2
    with pytest.raises(ValueError, match="buckets of Slider Cycle got a list of 2 values"):
        executed(CycleSampler, buckets=chains * 2, **given)


def test_conditionings_from_a_prompt_library(folder):
    """A list of them is one for each picture, never a bucket for each."""
    each = [[[torch.full((1, 2, 3), float(i)), {}]] for i in range(3)]
    ((bucket,),), _ = chains_of(folder="faces", conditioning=each)
    assert [e.conditioning for e in bucket.examples] == each
    with pytest.raises(ValueError, match="3 pictures but 2 conditionings"):
        chains_of(folder="faces", conditioning=each[:2])


def test_settings_of_which_there_can_be_one(folder):
    with pytest.raises(ValueError, match="slider_strength of Load Slider Bucket got a list of 2 values"):
        chains_of(folder="faces", slider_strength=[0.5, -0.5])
    with pytest.raises(ValueError, match="got an empty list"):
        chains_of(images=[])


def test_only_one_picture_is_in_memory_at_a_time(folder, monkeypatch):
    """All at once, a folder of photos of 24 megapixels took 0.27 GB a photo."""
    references, most, read = [], [], reading.read_picture

    def watched(file):
        picture = read(file)
        references.append(weakref.ref(picture))
        most.append(sum(reference() is not None for reference in references))
        return picture

    monkeypatch.setattr(reading, "read_picture", watched)
    for index in range(8):
        Image.new("RGB", (64, 64)).save(folder / f"{index}.png")
    ((bucket,),), _ = chains_of(folder="faces")
    assert len(bucket.examples) == len(most) == 11 and max(most) <= 2


def test_captions_are_missed_before_any_picture_is_encoded(folder):
    class Counting(Vae):
        encoded = 0

        def encode(self, pixels):
            Counting.encoded += 1
            return super().encode(pixels)

    (folder / "c.txt").unlink()
    with pytest.raises(ValueError, match=r"c\.txt is missing"):
        chains_of(folder="faces", captions="text file", vae=Counting())
    assert Counting.encoded == 0


@pytest.mark.parametrize(
    "bad, message",
    [
        (
            {"slider_strength": math.nan},
            "slider_strength is nan; it must be a finite number from -10 to 10",
        ),
        ({"slider_strength": 1e9}, "slider_strength is 1000000000.0"),
        ({"probability": math.nan}, "probability is nan"),
        ({"probability": math.inf}, "probability is inf"),
        ({"resolution": 10**9}, "resolution is 1000000000; it must be a whole number from 32 to 4096"),
        ({"resolution": 512.5}, "resolution is 512.5"),
        ({"repeats": -1}, "repeats is -1"),
        ({"captions": "none"}, "captions is 'none'; choose one of text file, file name, prompt"),
        ({"name": "a\0b"}, r"name is 'a\\x00b'; it has a character"),
        ({"prompt": "a \ud800"}, r"prompt is 'a \\ud800'; it has a character"),
        ({"folder": "a\0b"}, "is no name of a file or folder"),
        ({"folder": "\ud800"}, "is no name of a file or folder"),
        ({"folder": "x" * 5000}, "is no name of a file or folder|no folder"),
    ],
)
def test_values_that_come_past_the_widgets(folder, bad, message):
    with pytest.raises(ValueError, match=message) as error:
        chains_of(**{"folder": "faces", **bad})
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    "images, message",
    [
        (torch.full((1, 64, 64, 3), math.nan), "values that are no numbers"),
        (torch.zeros(1, 0, 64, 3), "shape 1 × 0 × 64 × 3"),
        (torch.zeros(1, 64, 64, 7), "shape 1 × 64 × 64 × 7"),
        (torch.zeros(64), "shape 64"),
        (torch.ones(1, 64, 64, 3, dtype=torch.uint8), "numbers from 0 to 1, not torch.uint8"),
        ("picture", r"tensors \[B, H, W, 3\], not 'str'"),
        (torch.zeros(1, 8, 800, 3), "more than 10 times as long"),
    ],
)
def test_images_that_are_none(images, message):
    with pytest.raises(ValueError, match=message):
        chains_of(images=[images])


def test_greys_transparency_and_values_beyond_white():
    images = [torch.full((1, 64, 64, 1), 0.5), torch.zeros(64, 64, 4), torch.full((1, 64, 64, 3), 1.5)]
    ((bucket,),), _ = chains_of(images=images)
    assert [round(float(e.latent[0, 0].mean()), 2) for e in bucket.examples] == [0.5, 1.0, 1.0]


def test_a_vae_that_fails_in_half_precision_is_named():
    class Failing(Vae):
        def encode(self, pixels):
            return super().encode(pixels) * math.nan

    with pytest.raises(ValueError, match="no finite numbers.*--fp32-vae"):
        chains_of(images=[torch.rand(1, 64, 64, 3)], vae=Failing())


def test_connected_images_have_no_text_files():
    _, (report,) = chains_of(images=[torch.rand(1, 64, 64, 3)], captions="text file")
    assert "connected images have no text file, so their caption is the prompt" in report


def test_frames_are_for_connected_images(folder):
    _, (report,) = chains_of(folder="faces", frames=4)
    assert "in a folder each picture stands for itself" in report


def test_a_list_never_makes_several_trainings():
    """A prompt library's conditionings in preview_prompt started a training for each."""
    prompts = [[[torch.zeros(1, 6, 48), {}]] for _ in range(3)]
    with pytest.raises(ValueError, match="preview_prompt of Train Slider got a list of 3 values"):
        executed(SliderTrainer, model=[object()], targets=[()], cycle=[()], preview_prompt=prompts)


def test_comfyui_checks_a_folder_before_the_job_runs(folder):
    widgets = {name: value for name, value in SETTINGS.items() if name not in ("vae", "clip")}
    found = validated(BucketLoader, **{**widgets, "folder": "gone"})
    assert any("There is no folder 'gone'" in error for error in found)
    assert not any("folder" in error for error in validated(BucketLoader, **{**widgets, "folder": "faces"}))
