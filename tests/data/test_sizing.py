"""How large pictures become, and which part of them is taken."""

import numpy as np
import pytest
import torch
from concept_sliders.slider_core.data import PictureError
from concept_sliders.slider_core.data.sizing import Sizing, of_megapixels
from data.folders import examples, picture
from PIL import Image

SIZES = {"tall": (60, 120), "wide": (180, 90), "small": (40, 40)}


@pytest.mark.parametrize(
    "sizing, expected",
    [
        (Sizing(64), [(64, 64), (48, 96), (96, 48)]),
        (Sizing(64, "shorter edge"), [(64, 64), (64, 128), (128, 64)]),
        (Sizing(64, crop="square"), [(64, 64)] * 3),
        (Sizing(64, crop="centre"), [(64, 64)] * 3),
        (Sizing(64, least=60), [(48, 96), (96, 48)]),
        (Sizing(64, least_area=8000), [(96, 48)]),
        (Sizing(of_megapixels(0.25), crop="square"), [(512, 512)] * 3),
    ],
)
def test_sizes(tmp_path, sizing, expected):
    for name, size in SIZES.items():
        picture(tmp_path / f"{name}.png", size)
    found = [tuple(8 * side for side in reversed(e.latent.shape[2:])) for e in examples(tmp_path, sizing)]
    assert found == expected


def test_pictures_that_are_all_too_small(tmp_path):
    picture(tmp_path / "a.png", (40, 40))
    with pytest.raises(PictureError, match="None of 1 pictures is large enough.*less than 64 pixels"):
        examples(tmp_path, Sizing(64, least=64))


def striped(file, size):
    """Each pixel says where it is: red from left to right, green from top to bottom."""
    across, down = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    Image.fromarray(np.stack([across, down, 0 * down], -1).astype(np.uint8)).save(file)


@pytest.mark.parametrize(
    "crop, left, top, step",
    [("square", 0, 32, 1), ("square from the top", 0, 0, 1), ("centre", 32, 64, 1)],
)
def test_what_crops_take(tmp_path, crop, left, top, step):
    """Of a picture 128 wide and 192 high; centre takes 64 pixels at the picture's own scale."""
    striped(tmp_path / "a.png", (128, 192))
    side = 64 if crop == "centre" else 128
    (example,) = examples(tmp_path, Sizing(side, crop=crop))
    assert torch.allclose(example.latent[0, 0, 0] * 255, torch.arange(side // 8) * 8.0 + left, atol=1)
    assert torch.allclose(example.latent[0, 1, :, 0] * 255, torch.arange(side // 8) * 8.0 + top, atol=1)
