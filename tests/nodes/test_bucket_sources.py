"""What ComfyUI's own nodes give, run as its executor runs them, makes one bucket and one training."""

from fractions import Fraction

import folder_paths
import numpy as np
import pytest
import torch
from as_comfyui import Clip, Vae, executed
from comfy_api.latest import InputImpl, Types
from comfy_extras import nodes_dataset as core
from concept_sliders.nodes.buckets import NO_FOLDER, BucketLoader
from concept_sliders.nodes.cycle import CycleSampler
from concept_sliders.slider_core.data import PictureError
from nodes import LoadImageMask
from PIL import Image

SETTINGS = {
    "name": "more",
    "slider_strength": 0.5,
    "folder": NO_FOLDER,
    "captions": "prompt",
    "prompt": "a face",
    "vae": Vae(),
    "clip": Clip(),
    "resolution": 64,
    "probability": 1.0,
    "repeats": 1,
}
SIZES = {"a": (64, 64), "b": (128, 64), "c": (64, 64)}


def load(**inputs):
    """The one bucket of a loader and its report; what is given as a list is what an upstream node gave."""
    given = {
        name: value if isinstance(value, list) else [value] for name, value in {**SETTINGS, **inputs}.items()
    }
    chains, reports = executed(BucketLoader, **given)
    (bucket,), (report,) = chains[0][-1:], reports
    return bucket, report


def plan_of(*buckets):
    widgets = {
        "cycle": "together",
        "pairing": "auto",
        "weighting": "auto",
        "neutral": "anchor",
        "batch_size": 1,
    }
    (cycle,), (plan,) = executed(
        CycleSampler, buckets=[buckets], seed=[0], **{name: [value] for name, value in widgets.items()}
    )
    return cycle, plan


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "input_directory", str(tmp_path))
    monkeypatch.setitem(folder_paths.folder_names_and_paths, "datasets", ([str(tmp_path / "datasets")], set()))
    place = tmp_path / "faces"
    place.mkdir()
    for index, (name, size) in enumerate(SIZES.items()):
        Image.new("RGB", size, (90 * index, 0, 0)).save(place / f"{name}.png")
        (place / f"{name}.txt").write_text(f"face {name}")
    return place


def encoded(folder):
    """What Make Training Dataset gives of the folder."""
    images, texts = executed(core.LoadImageTextDataSetFromFolderNode, folder=["faces"])
    return executed(core.MakeTrainingDataset, images=images, vae=[Vae()], clip=[Clip()], texts=texts)


def test_a_training_dataset_is_a_bucket(folder):
    latents, conditionings = encoded(folder)
    bucket, report = load(latents=latents, conditioning=conditionings, clip=None)
    assert [tuple(e.latent.shape[2:]) for e in bucket.examples] == [
        tuple(one["samples"].shape[2:]) for one in latents
    ]
    assert [e.conditioning for e in bucket.examples] == conditionings
    assert "3 pictures at +0.5" in report


def test_so_is_one_that_was_saved_and_loaded(folder):
    latents, conditionings = encoded(folder)
    executed(
        core.SaveTrainingDataset,
        latents=latents,
        conditioning=conditionings,
        folder_name=["kept"],
        shard_size=[2],
    )
    latents, conditionings = executed(core.LoadTrainingDataset, folder_name=["kept"])
    bucket, _ = load(latents=latents, conditioning=conditionings, clip=None)
    assert len(bucket.examples) == 3
    assert torch.equal(bucket.examples[2].conditioning[0][0], conditionings[2][0][0])


def test_and_one_that_was_sorted_by_resolution(folder):
    """Resolution Bucket gives a batch for each size, and for each batch one conditioning of many entries."""
    latents, conditionings = encoded(folder)
    batches, entries = executed(core.ResolutionBucket, latents=latents, conditioning=conditionings)
    assert sorted(len(batch["samples"]) for batch in batches) == [1, 2]
    bucket, _ = load(latents=batches, conditioning=entries, clip=None)
    assert len(bucket.examples) == 3 and all(len(e.conditioning) == 1 for e in bucket.examples)
    lengths = {tuple(e.latent.shape): float(e.conditioning[0][0][0, 0, 0]) for e in bucket.examples}
    pairs = zip(latents, conditionings, strict=True)
    assert lengths == {tuple(one["samples"].shape): float(given[0][0][0, 0, 0]) for one, given in pairs}


def test_latents_with_a_prompt_and_a_mask(folder):
    latents, _ = encoded(folder)
    for latent in latents:
        latent["noise_mask"] = torch.zeros(1, 1, 64, 64)
        latent["noise_mask"][..., 32:] = 1
    bucket, _ = load(latents=latents)
    assert [e.caption for e in bucket.examples] == ["a face"] * 3
    assert [tuple(e.mask.shape) for e in bucket.examples] == [(1, *one["samples"].shape[2:]) for one in latents]
    assert bucket.examples[0].mask[0, 0].tolist() == [0.0] * 4 + [1.0] * 4


@pytest.mark.parametrize(
    "latents, message",
    [
        ({"samples": torch.zeros(1, 4, 0, 8)}, "Latents of shape 1 × 4 × 0 × 8"),
        ({"samples": torch.zeros(4, 8)}, "Latents of shape 4 × 8"),
        ({"samples": torch.full((1, 4, 8, 8), torch.nan)}, "values that are no numbers"),
        ({"samples": torch.zeros(1, 4, 8, 8, dtype=torch.int64)}, "type torch.int64"),
        ({}, "not ComfyUI's LATENT"),
        (torch.zeros(1, 4, 8, 8), "not ComfyUI's LATENT"),
    ],
)
def test_latents_that_are_none(latents, message):
    with pytest.raises(PictureError, match=message):
        load(latents=[latents])


def test_latents_have_as_many_conditionings(folder):
    latents, conditionings = encoded(folder)
    with pytest.raises(PictureError, match="3 pictures but 2 conditionings"):
        load(latents=latents, conditioning=conditionings[:2])
    with pytest.raises(ValueError, match="latents input .* got an empty list"):
        load(latents=[])


def video(frames=12, width=64):
    images = torch.linspace(0, 1, frames)[:, None, None, None].expand(frames, 64, width, 3)
    return InputImpl.VideoFromComponents(Types.VideoComponents(images=images, frame_rate=Fraction(8)))


def test_videos_of_a_folder(folder):
    """Load Video-Text (from Folder) gives a list of videos that are not decoded yet."""
    for name in "xy":
        video().save_to(str(folder / f"{name}.mp4"))
        (folder / f"{name}.txt").write_text(f"video {name}")
    videos, texts = executed(core.LoadVideoTextDataSetFromFolderNode, folder=["faces"])
    bucket, _ = load(videos=videos, prompt=texts, frames=4, stride=3)
    assert [e.caption for e in bucket.examples] == ["video x", "video y"]
    for example in bucket.examples:
        greys = example.latent[:, 0].mean((1, 2))
        assert len(greys) == 4 and torch.allclose(greys, torch.linspace(0, 1, 12)[::3], atol=0.05)


def test_videos_that_were_cut_by_a_node(folder):
    video().save_to(str(folder / "x.mp4"))
    videos, *_ = executed(core.LoadVideoDataSetFromFolderNode, folder=["faces"])
    cut = executed(core.VideoTemporalCropNode, video=videos, start_frame=[4], length=[4])[0]
    bucket, _ = load(videos=cut, frames=4)
    expected = torch.linspace(0, 1, 12)[4:8]
    assert torch.allclose(bucket.examples[0].latent[:, 0].mean((1, 2)), expected, atol=0.05)
    with pytest.raises(PictureError, match="has 4 frames; frames asks for 5"):
        load(videos=cut, frames=5)


def test_a_video_from_images_and_one_frame_of_each():
    bucket, report = load(videos=[video(), video(width=128)])
    assert [tuple(e.latent.shape) for e in bucket.examples] == [(1, 4, 8, 8), (1, 4, 6, 12)]
    assert "only the first frame of each video is used" in report
    with pytest.raises(PictureError, match="video 0 has 12 frames; 5 frames, one of every 3, need 13"):
        load(videos=[video()], frames=5, stride=3)


def half(width=64, height=64):
    mask = torch.zeros(height, width)
    mask[:, width // 2 :] = 1
    return mask


def test_masks_go_with_the_pictures(folder):
    """Of a MASK batch, list, or one for all; cut as the picture and down to the latent's size."""
    images = torch.rand(3, 64, 64, 3)
    for masks in (half()[None].repeat(3, 1, 1), [half()] * 3, [half()[None]]):
        bucket, report = load(images=images, masks=masks)
        assert all(torch.equal(e.mask[0, 0], torch.tensor([0.0] * 4 + [1.0] * 4)) for e in bucket.examples)
        assert "3 masks" in report
    with pytest.raises(PictureError, match="3 pictures but 2 masks"):
        load(images=images, masks=[half()] * 2)


def test_a_mask_that_comfyui_loads(folder):
    """LoadImageMask reads the red channel of a picture; a folder's pictures take it as well."""
    Image.fromarray((half().numpy() * 255).astype(np.uint8)).save(folder.parent / "mask.png")
    (mask,) = LoadImageMask().load_image_mask("mask.png", "red")
    bucket, _ = load(images=torch.rand(1, 64, 64, 3), masks=mask)
    assert bucket.examples[0].mask.mean() == pytest.approx(0.5, abs=0.01)
    with pytest.raises(PictureError, match="The mask of 'b' is 64 × 64 pixels and the picture 128 × 64"):
        load(folder="faces", masks=mask)


def test_a_mask_for_each_frame_of_a_clip():
    masks = torch.stack([torch.full((64, 64), value) for value in (1.0, 0.0, 0.0, 1.0)])
    bucket, _ = load(images=torch.rand(4, 64, 64, 3), frames=2, masks=masks)
    assert [e.mask[:, 0, 0].tolist() for e in bucket.examples] == [[1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize(
    "mask, message",
    [
        (torch.zeros(64, 64), "The mask of '000' is black"),
        (torch.zeros(16, 64), "The mask of '000' is black"),
        (torch.ones(64, 16), "another shape"),
        (torch.full((64, 64), torch.nan), "mask of picture '000' has values that are no numbers"),
        (torch.zeros(0, 64), "mask of picture '000' is '0 × 64'"),
        ("mask", "mask of picture '000' is 'str'"),
    ],
)
def test_masks_that_are_none(mask, message):
    with pytest.raises(PictureError, match=message):
        load(images=torch.rand(1, 64, 64, 3), masks=[mask])


def test_control_images_are_cut_as_their_pictures():
    images = [torch.rand(1, 64, 96, 3), torch.rand(1, 96, 64, 3)]
    bucket, _ = load(images=images, control_images=images, crop="square")
    assert all(torch.equal(e.control[..., ::8, ::8, 0], e.latent[:, 0]) for e in bucket.examples)


def test_a_control_picture_of_another_shape_would_show_another_part():
    with pytest.raises(
        PictureError, match="control picture of '000' is 128 × 32 pixels and the picture 64 × 64"
    ):
        load(images=torch.rand(1, 64, 64, 3), control_images=torch.rand(1, 32, 128, 3))
    bucket, _ = load(images=torch.rand(1, 60, 96, 3), control_images=torch.rand(1, 32, 48, 3))
    assert bucket.examples[0].control.shape[1:3] == (48, 80), "preprocessors round sides"


@pytest.mark.parametrize(
    "conditioning", ["x", [], [["x", {}]], [[torch.zeros(1, 2, 3)]], [[torch.zeros(1, 2, 3), 1]]]
)
def test_conditionings_that_are_none(conditioning):
    for source in ({"images": torch.rand(1, 64, 64, 3)}, {"latents": {"samples": torch.zeros(1, 4, 8, 8)}}):
        with pytest.raises(
            PictureError, match="conditioning of bucket 'more' is .* and no CONDITIONING. Connect"
        ):
            load(**source, conditioning=[conditioning])


def test_connected_pictures_have_names_only_if_they_are_given():
    """The plan said 'by file name' of pictures that have none."""
    pictures = torch.rand(3, 64, 64, 3)
    more, _ = load(images=pictures)
    less, _ = load(images=0.9 * pictures, slider_strength=-0.5)
    cycle, plan = plan_of(more, less)
    assert "3 of 3 positive pictures, by order" in plan and len(cycle.pairs) == 3
    more, _ = load(images=pictures, names=["x", "y", "z"])
    less, _ = load(images=0.9 * pictures[[2, 0, 1]], slider_strength=-0.5, names=["z", "x", "y"])
    cycle, plan = plan_of(more, less)
    assert "3 of 3 positive pictures, by file name" in plan
    assert cycle.pairs[0, 0] == (1, 1)
    with pytest.raises(PictureError, match="names of bucket 'more' have 'x' twice"):
        load(images=torch.rand(2, 64, 64, 3), names=["x", "x"])
    with pytest.raises(PictureError, match="2 pictures but 3 names"):
        load(images=torch.rand(2, 64, 64, 3), names=["x", "y", "z"])


def test_numbers_are_no_names_of_a_folders_pictures(folder):
    """Connected pictures are numbered 000, 001, …; a folder's 001.png is no partner by name."""
    (folder / "a.png").rename(folder / "001.png")
    more, _ = load(folder="faces", subfolders=True)
    less, _ = load(images=[torch.rand(1, 64, 64, 3)] * 2, slider_strength=-0.5)
    cycle, _ = plan_of(more, less)
    assert cycle.pairs == {}


def test_one_socket_at_a_time(folder):
    latents, _ = encoded(folder)
    with pytest.raises(ValueError, match="'more' got images and latents. Connect one of them"):
        load(images=torch.rand(1, 64, 64, 3), latents=latents)


def test_folders_of_comfyuis_datasets_folder(folder):
    place = folder.parent / "datasets" / "mine" / "smile"
    place.mkdir(parents=True)
    Image.new("RGB", (64, 64)).save(place / "x.png")
    options = next(i for i in BucketLoader.define_schema().inputs if i.id == "folder").options
    assert "mine/smile [datasets]" in options and "faces" in options
    bucket, _ = load(folder="mine/smile [datasets]")
    assert [e.name for e in bucket.examples] == ["x"]
    assert "lies outside" in BucketLoader.validate_inputs("../faces [datasets]")
    assert BucketLoader.validate_inputs("gone [datasets]") is not True


def test_the_same_folder_on_both_sides_is_said(folder):
    more, _ = load(folder="faces")
    _, report = load(folder="faces", name="less", slider_strength=-0.5, buckets=[(more,)])
    assert "buckets 'more' and 'less' hold the same pictures" in report
    less, _ = load(folder="faces", name="less", slider_strength=-0.5)
    _, plan = plan_of(more, less)
    assert "hold the same pictures, so there is nothing to learn. Was one folder chosen for both?" in plan
    (folder / "b.png").unlink()
    Image.new("RGB", (64, 64), "blue").save(folder / "a.png")
    less, _ = load(folder="faces", name="less", slider_strength=-0.5)
    assert "1 picture is in both buckets 'more' and 'less' (c)" in plan_of(more, less)[1]
