"""BucketLoader and CycleSampler: pictures from a folder or the graph, and what is said about bad ones."""

import folder_paths
import pytest
import torch
from as_comfyui import Clip, Vae
from concept_sliders.nodes.buckets import NO_FOLDER, BucketLoader, input_folders
from concept_sliders.nodes.cycle import CycleSampler
from concept_sliders.slider_core.data import CycleError, PictureError
from PIL import Image


@pytest.fixture
def inputs(tmp_path, monkeypatch):
    """ComfyUI's input folder, with two pictures in `faces/more`."""
    monkeypatch.setattr(folder_paths, "input_directory", str(tmp_path))
    folder = tmp_path / "faces" / "more"
    folder.mkdir(parents=True)
    for name, size in (("a", (64, 64)), ("b", (128, 64))):
        Image.new("RGB", size, "red").save(folder / f"{name}.png")
    return folder


def load(folder="faces/more", strength=0.5, captions="prompt", prompt="a face", vae=None, **options):
    settings = {"name": "more", "resolution": 64, "probability": 1.0, "repeats": 1, **options}
    return BucketLoader.execute(
        slider_strength=strength,
        folder=folder,
        captions=captions,
        prompt=prompt,
        vae=vae or Vae(),
        clip=Clip(),
        **settings,
    ).result


def test_a_folder_becomes_a_bucket_and_loaders_chain(inputs):
    assert input_folders() == ["faces", "faces/more"]
    buckets, report = load()
    assert [e.name for e in buckets[0].examples] == ["a", "b"]
    assert [tuple(e.latent.shape[2:]) for e in buckets[0].examples] == [(8, 8), (6, 12)]
    assert "2 pictures at +0.5" in report
    chained, _ = load(strength=0.0, buckets=buckets)
    assert [bucket.strength for bucket in chained] == [0.5, None]


def test_each_caption_is_encoded_once(inputs):
    Clip.encoded = 0
    load()
    assert Clip.encoded == 1
    buckets, _ = load(captions="file name")
    assert [e.caption for e in buckets[0].examples] == ["a", "b"]


def test_images_from_the_graph_and_clips_of_frames():
    images = torch.rand(6, 64, 64, 3)
    assert len(load(NO_FOLDER, images=images)[0][0].examples) == 6
    (clip,) = load(NO_FOLDER, images=images, frames=6)[0][0].examples
    assert clip.latent.shape[0] == 6
    with pytest.raises(ValueError, match="clips of 4 frames"):
        load(NO_FOLDER, images=images, frames=4)


def test_control_images_one_for_each(inputs):
    buckets, _ = load(control_images=[torch.rand(1, 64, 64, 3), torch.rand(1, 64, 128, 3)])
    assert buckets[0].examples[1].control.shape == (1, 48, 96, 3)
    with pytest.raises(ValueError, match="2 pictures but 3 control images"):
        load(control_images=torch.rand(3, 64, 64, 3))


def test_folders_outside_the_input_directory_are_refused(inputs):
    for folder in ("../secrets", "/etc", "faces/../../etc"):
        assert "outside" in BucketLoader.validate_inputs(folder)
        with pytest.raises((ValueError, PictureError), match="outside|no folder"):
            load(folder)


def test_a_link_that_leads_outside_is_refused(inputs, tmp_path_factory):
    (inputs.parent / "link").symlink_to(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(ValueError, match="outside"):
        load("faces/link")


def test_missing_pieces_are_named(inputs):
    with pytest.raises(ValueError, match="choose a folder, or connect images"):
        load(NO_FOLDER)
    with pytest.raises(PictureError, match=r"a\.txt is missing"):
        load(captions="text file")
    with pytest.raises(ValueError, match="vae input got nothing"):
        BucketLoader.execute(folder="faces/more", prompt="", vae=None, clip=Clip())
    with pytest.raises(ValueError, match="nothing to encode captions with"):
        BucketLoader.execute(folder="faces/more", prompt="", vae=Vae())


def test_one_conditioning_for_every_picture(inputs):
    shared = [[torch.zeros(1, 2, 3), {"concat_latent_image": torch.zeros(1, 4, 8, 8)}]]
    buckets, _ = BucketLoader.execute(
        folder="faces/more", prompt="", vae=Vae(), resolution=64, conditioning=shared
    ).result
    assert all(example.conditioning is shared for example in buckets[0].examples)


def test_the_folder_is_read_again_when_a_picture_or_caption_changes(inputs):
    before = BucketLoader.fingerprint_inputs(folder="faces/more")
    assert before == BucketLoader.fingerprint_inputs(folder="faces/more")
    (inputs / "a.txt").write_text("a smile")
    assert before != BucketLoader.fingerprint_inputs(folder="faces/more")


def test_the_plan_of_the_cycle(inputs):
    buckets, _ = load()
    buckets, _ = load(strength=-0.5, buckets=buckets)
    cycle, plan = CycleSampler.execute(buckets).result
    assert len(cycle.buckets) == 2 and "2 of 2 positive pictures, by file name" in plan
    with pytest.raises(CycleError, match="no negative bucket"):
        CycleSampler.execute(buckets[:1])
