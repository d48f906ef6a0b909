"""Pictures and captions from a folder, good ones and bad ones."""

import numpy as np
import pytest
import torch
from concept_sliders.slider_core.data.pictures import (
    PictureError,
    bucket_size,
    caption_of,
    fitted,
    picture_files,
    read_pixels,
)
from PIL import Image


@pytest.fixture
def folder(tmp_path):
    for name, colour in (("b.png", "red"), ("A.jpg", "blue")):
        Image.new("RGB", (40, 20), colour).save(tmp_path / name)
    return tmp_path


def test_pictures_of_a_folder_by_name(folder):
    (folder / "notes.txt").write_text("not a picture")
    assert [file.name for file in picture_files(folder)] == ["A.jpg", "b.png"]


def test_missing_and_empty_folders_are_named(tmp_path):
    with pytest.raises(PictureError, match="no folder 'smiles'"):
        picture_files(tmp_path / "smiles")
    (tmp_path / "empty").mkdir()
    with pytest.raises(PictureError, match="'empty' holds no pictures"):
        picture_files(tmp_path / "empty")


@pytest.mark.parametrize("content", [b"", b"this is text", b"half"])
def test_unreadable_and_truncated_pictures_are_named(folder, content):
    file = folder / "b.png"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if content == b"half" else content)
    with pytest.raises(PictureError, match=r"b\.png cannot be read"):
        read_pixels(file)


def test_transparency_is_laid_over_white_and_16_bit_greys_keep_their_value(tmp_path):
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert torch.equal(read_pixels(tmp_path / "clear.png"), torch.ones(4, 4, 3))
    Image.fromarray(np.full((4, 4), 32768, dtype=np.uint16)).save(tmp_path / "grey.png")
    assert read_pixels(tmp_path / "grey.png").mean() == pytest.approx(0.5, abs=0.01)


def test_a_rotated_photo_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(tmp_path / "photo.jpg", exif=exif)
    assert read_pixels(tmp_path / "photo.jpg").shape == (40, 20, 3)


def test_captions_from_text_file_file_name_or_one_prompt(folder):
    file = folder / "a_smiling-man.png"
    (folder / "a_smiling-man.txt").write_text("\ufeffa man,\n smiling ", encoding="utf-8")
    assert caption_of(file, "text file", "") == "a man, smiling"
    assert caption_of(file, "file name", "") == "a smiling man"
    assert caption_of(file, "prompt", "a face") == "a face"
    with pytest.raises(PictureError, match=r"b\.txt is missing"):
        caption_of(folder / "b.png", "text file", "")


def test_sizes_keep_the_shape_and_about_the_area():
    assert bucket_size(1000, 1000, 512, 64) == (512, 512)
    assert bucket_size(1600, 900, 512, 64) == (704, 384)
    assert bucket_size(5000, 10, 512, 64)[1] == 64


def test_pictures_and_clips_are_cropped_to_their_size():
    wide = torch.zeros(20, 40, 3)
    wide[:, 10:30] = 1
    assert torch.equal(fitted(wide, (20, 20)), torch.ones(20, 20, 3))
    assert fitted(torch.rand(5, 20, 40, 3), (48, 16)).shape == (5, 16, 48, 3)
