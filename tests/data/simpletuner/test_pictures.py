"""Which pictures of a dataset are read, at which sizes, and with which captions."""

import pytest
from data.simpletuner.datasets import captions, chain, only, side, sizes
from PIL import Image


@pytest.mark.parametrize(
    "keys, expected",
    [
        ({}, [["face 0", "a person 0"], ["face 1", "a person 1"]]),
        ({"disable_multiline_split": True}, [["face 0 a person 0"], ["face 1 a person 1"]]),
        ({"caption_strategy": "filename"}, [["face 0"], ["face 1"]]),
        ({"caption_strategy": "instanceprompt", "instance_prompt": "a cat"}, [["a cat"]] * 2),
        ({"caption_strategy": "instanceprompt", "instance_prompt": ["a cat", "cats"]}, [["a cat", "cats"]] * 2),
        ({"only_instance_prompt": True, "instance_prompt": "a cat"}, [["a cat"]] * 2),
        (
            {"prepend_instance_prompt": True, "instance_prompt": "ohwx"},
            [["ohwx face 0", "ohwx a person 0"], ["ohwx face 1", "ohwx a person 1"]],
        ),
    ],
)
def test_captions(root, keys, expected):
    bucket, _ = only(root, **keys)
    assert captions(bucket)[:2] == expected


@pytest.mark.parametrize(
    "keys, expected",
    [
        ({}, [(8, 8), (6, 12), (12, 6), (8, 8)]),
        ({"resolution_type": "pixel"}, [(8, 8), (8, 16), (16, 8), (8, 8)]),
        ({"resolution": 0.004096, "resolution_type": "area"}, [(8, 8), (6, 12), (12, 6), (8, 8)]),
        ({"crop": True}, [(8, 8)] * 4),
        ({"crop": True, "crop_aspect": "preserve"}, [(8, 8), (6, 12), (12, 6), (8, 8)]),
        ({"minimum_image_size": 50, "resolution_type": "pixel"}, [(8, 8), (8, 16), (16, 8)]),
        ({"minimum_image_size": 50}, [(8, 8), (6, 12), (12, 6)]),
        ({"minimum_image_size": 0.005, "resolution": 0.004096, "resolution_type": "area"}, [(6, 12), (12, 6)]),
    ],
)
def test_sizes(root, keys, expected):
    bucket, _ = only(root, **keys)
    assert sizes(bucket) == expected


def test_random_crops_become_centre_and_that_is_said(root):
    _, said = only(root, crop=True, crop_style="random")
    assert said["crop_style"] == "centre instead: both pictures of a pair must show the same part"
    assert said["crop"].endswith("in a square (SimpleTuner cuts it out of the picture unscaled)")
    _, said = only(root, crop=True, maximum_image_size=1536, target_downsample_size=1280)
    assert said["crop"].endswith("in a square")


def test_a_crop_without_a_style_is_random_there(root):
    report = chain(root, side(crop=True)).report
    assert "crop_style: not given, which is random there; centre instead: both pictures of a pair" in report


def test_what_is_too_small_is_counted(root):
    report = chain(root, side(minimum_image_size=50)).report
    assert "more: 3 of 4 pictures, at +0.5 (1 too small)" in report


def test_of_a_limited_number_pairs_stay_pairs(root):
    more, less = chain(root, side("more", max_num_samples=2), side("less", max_num_samples=2)).buckets
    assert [e.name for e in more.examples] == [e.name for e in less.examples] and len(more.examples) == 2
    chosen, unchanged = {e.name for e in less.examples}, 0
    for number in range(8):  # a picture more on one side seldom takes the place of one that is chosen
        extra = root / "faces" / "more" / f"a{number}.png"
        Image.new("RGB", (64, 64)).save(extra)
        extra.with_suffix(".txt").write_text("a face")
        unchanged += {e.name for e in chain(root, side(max_num_samples=2)).buckets[0].examples} == chosen
        extra.unlink()
    assert unchanged > 2
    (some,) = chain(root, side(max_num_samples=3, minimum_image_size=50)).buckets
    assert len(some.examples) == 3, "those that are too small do not count"
