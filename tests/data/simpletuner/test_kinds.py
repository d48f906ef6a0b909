"""Datasets that hold other things than pictures: control pictures, masks, clips."""

import pytest
from concept_sliders.slider_core.data import PictureError
from concept_sliders.slider_core.data.simpletuner import DatasetError
from data.simpletuner.datasets import chain, side
from PIL import Image


def conditioning(kind, **keys):
    return {"id": "extra", "type": "local", "dataset_type": "conditioning", "conditioning_type": kind} | {
        "instance_data_dir": "faces/less",
        **keys,
    }


def test_a_conditioning_dataset_gives_control_pictures(root):
    for entries in (
        [side(conditioning_data="extra"), conditioning("controlnet")],
        [side(conditioning_data=["extra"]), conditioning("controlnet")],
        [side(), conditioning("controlnet", source_dataset_id="more")],
    ):
        (bucket,) = chain(root, *entries).buckets
        reds = {round(float(example.control[..., 0].mean()) * 255) for example in bucket.examples}
        assert reds == {20}


def test_or_masks(root):
    for index, size in enumerate([(64, 64), (128, 64), (64, 128), (40, 40)]):
        mask = Image.new("L", size)
        mask.paste(255, (size[0] // 2, 0, *size))
        mask.save(root / "faces" / "less" / f"face_{index}.png")
    (bucket,) = chain(root, side(conditioning_data="extra"), conditioning("mask")).buckets
    assert all(float(example.mask[..., 0].max()) == 0 and float(example.mask[..., -1].min()) == 1
               for example in bucket.examples)  # fmt: skip


def test_a_picture_without_its_control_picture_is_named(root):
    (root / "faces" / "less" / "face_1.png").unlink()
    with pytest.raises(
        PictureError, match="'more'.*face_1 has no control picture of that name in dataset 'extra'"
    ):
        chain(root, side(conditioning_data="extra"), conditioning("controlnet"))


def test_clips(root):
    frames = [Image.new("RGB", (64, 64), (50 * i, 0, 0)) for i in range(5)]
    place = root / "clips"
    place.mkdir()
    frames[0].save(place / "x.gif", save_all=True, append_images=frames[1:])
    entry = side(dataset_type="video", instance_data_dir="clips", caption_strategy="filename")
    (bucket,) = chain(root, entry | {"video": {"num_frames": 3}}).buckets
    assert bucket.examples[0].latent.shape[0] == 3
    with pytest.raises(DatasetError, match="'more': video.num_frames is missing"):
        chain(root, entry)
    Image.new("RGB", (64, 64)).save(place / "still.png")
    made = chain(root, entry | {"video": {"num_frames": 3}}, entry | {"id": "stills", "dataset_type": "image"})
    assert [[e.name for e in bucket.examples] for bucket in made.buckets] == [["x"], ["still"]]
    assert "1 not chosen" in made.report and "1 clips not read" in made.report
    (held,) = chain(
        root, side(), entry | {"id": "later", "dataset_type": "eval", "video": {"num_frames": 2}}
    ).held_out
    assert held.examples[0].latent.shape[0] == 2
    with pytest.raises(PictureError, match="Lower video.num_frames"):
        chain(root, entry | {"video": {"num_frames": 9}})
