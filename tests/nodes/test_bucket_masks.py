"""Masks and control pictures that are connected to a bucket."""

import numpy as np
import pytest
import torch
from concept_sliders.slider_core.data import PictureError
from loaded_buckets import load
from nodes import LoadImageMask
from PIL import Image


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
