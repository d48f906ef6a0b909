"""Masks that lie beside pictures or in their alpha channel."""

import numpy as np
import pytest
import torch
from concept_sliders.slider_core.data import PictureError
from concept_sliders.slider_core.data.sizing import Sizing
from data.folders import examples, picture, written_video
from PIL import Image


def test_a_mask_is_cut_and_mirrored_as_its_picture(tmp_path):
    """The mask of a.png is a-mask.png, of any size; the picture is bright just where the mask is."""
    for crop in ("keep shape", "square", "square from the top", "centre"):
        bright = np.zeros((192, 128), np.uint8)
        bright[40:150, 20:90] = 255
        Image.fromarray(bright).convert("RGB").save(tmp_path / "a.png")
        Image.fromarray(bright).resize((256, 384)).save(tmp_path / "a-mask.png")
        found = examples(tmp_path, Sizing(64, crop=crop), mirrored=True)
        assert [e.name for e in found] == ["a", "a mirrored"]
        for example in found:
            assert example.mask.shape == (1, *example.latent.shape[2:])
            inside = example.mask[0] == 1
            assert inside.any() and (example.latent[0, 0][inside] > 0.9).all()
            assert (example.latent[0, 0][example.mask[0] == 0] < 0.1).all()
        assert torch.allclose(found[1].mask, found[0].mask.flip(-1), atol=1e-5)


def test_masks_are_no_pictures_and_can_be_left_aside(tmp_path):
    picture(tmp_path / "a.png")
    picture(tmp_path / "a-mask.png", colour="white")
    picture(tmp_path / "unmasked-mask.png")
    found = examples(tmp_path)
    assert [(e.name, e.mask is not None) for e in found] == [("a", True), ("unmasked-mask", False)]
    assert [e.mask for e in examples(tmp_path, mask="off")] == [None, None]


def test_the_alpha_channel_as_mask(tmp_path):
    """The picture is what lies below, not its white."""
    whole = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    whole.paste((255, 0, 0, 255), (0, 0, 32, 64))
    whole.save(tmp_path / "a.png")
    picture(tmp_path / "b.png")
    masked, plain = examples(tmp_path, mask="alpha channel")
    assert masked.mask[0, 0].tolist() == [1.0] * 4 + [0.0] * 4 and plain.mask is None
    assert (masked.latent[0, 1] == 0).all() and (examples(tmp_path)[0].latent[0, 1].amax() == 1)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", r"a-mask\.png cannot be read as a mask"),
        (b"broken", r"a-mask\.png cannot be read as a mask"),
        ("black", "The mask of 'a' is black"),
        ((32, 64), "The mask of 'a' is 32 × 64 pixels and the picture 64 × 64, which is another shape"),
    ],
)
def test_mask_files_that_are_none(tmp_path, content, message):
    picture(tmp_path / "a.png")
    mask = tmp_path / "a-mask.png"
    if isinstance(content, bytes):
        mask.write_bytes(content)
    elif content == "black":
        picture(mask, colour="black")
    else:
        picture(mask, content, "white")
    with pytest.raises(PictureError, match=message):
        examples(tmp_path)


def test_a_clip_has_one_mask_or_one_for_each_frame(tmp_path):
    written_video(tmp_path / "a.webm", 4, (64, 64))
    picture(tmp_path / "a-mask.png", colour="white")
    (example,) = examples(tmp_path, frames=4)
    assert example.mask.shape == (1, 8, 8) and example.mask.min() == 1
    (tmp_path / "a-mask.png").unlink()
    written_video(tmp_path / "a-mask.webm", 4, (64, 64))
    (example,) = examples(tmp_path, frames=4)
    assert torch.allclose(example.mask.mean((1, 2)), torch.linspace(0, 1, 4), atol=0.05)
