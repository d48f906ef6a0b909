"""What ComfyUI's own nodes give, run as its executor runs them, makes one bucket and one training."""

from fractions import Fraction

import pytest
import torch
from as_comfyui import executed
from comfy_api.latest import InputImpl, Types
from comfy_extras import nodes_dataset as core
from concept_sliders.nodes.buckets import BucketLoader
from concept_sliders.slider_core.data import PictureError
from loaded_buckets import load, plan_of
from PIL import Image


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
