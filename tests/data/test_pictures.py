"""Pictures and captions from a folder, good ones and bad ones."""

import numpy as np
import pytest
import torch
from concept_sliders.slider_core.data import PictureError
from concept_sliders.slider_core.data.captions import captions_of
from concept_sliders.slider_core.data.listing import listed
from concept_sliders.slider_core.data.pictures import read_pixels
from concept_sliders.slider_core.data.sizing import Cut, Sizing, fitted
from PIL import Image


@pytest.fixture
def folder(tmp_path):
    for name, colour in (("b.png", "red"), ("A.jpg", "blue")):
        Image.new("RGB", (40, 20), colour).save(tmp_path / name)
    return tmp_path


def test_pictures_of_a_folder_by_name(folder):
    (folder / "notes.txt").write_text("not a picture")
    assert [file.name for file in listed(folder).files] == ["A.jpg", "b.png"]


def test_missing_and_empty_folders_are_named(tmp_path):
    with pytest.raises(PictureError, match="no folder 'smiles'"):
        listed(tmp_path / "smiles")
    (tmp_path / "empty").mkdir()
    with pytest.raises(PictureError, match="'empty' holds no pictures"):
        listed(tmp_path / "empty")


@pytest.mark.parametrize("content", [b"", b"this is text", b"half"])
def test_unreadable_and_truncated_pictures_are_named(folder, content):
    file = folder / "b.png"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if content == b"half" else content)
    with pytest.raises(PictureError, match=r"b\.png cannot be read") as error:
        read_pixels(file)
    assert str(folder) not in str(error.value) and str(error.value).count("'") % 2 == 0


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
    assert captions_of(file, "text file") == ("a man, smiling",)
    assert captions_of(file, "file name") == ("a smiling man",)
    assert captions_of(file, "prompt", "a face") == ("a face",)
    with pytest.raises(PictureError, match=r"b\.txt is missing"):
        captions_of(folder / "b.png", "text file")


def test_sizes_keep_the_shape_and_about_the_area():
    sizes = Sizing(512)
    assert sizes.cut("a", 1000, 1000, 64).size == (512, 512)
    assert sizes.cut("a", 1600, 900, 64).size == (704, 384)
    assert Sizing(32).cut("a", 5000, 500, 64).size == (128, 64)


def test_pictures_and_clips_are_cropped_to_their_size():
    wide = torch.zeros(20, 40, 3)
    wide[:, 10:30] = 1
    assert torch.equal(fitted(wide, Cut((20, 20))), torch.ones(20, 20, 3))
    assert fitted(torch.rand(5, 20, 40, 3), Cut((48, 16))).shape == (5, 16, 48, 3)


def saved(tmp_path, picture, name, **options):
    picture.save(tmp_path / name, **options)
    return tmp_path / name


@pytest.mark.parametrize(
    "name, picture",
    [
        ("float.tif", Image.fromarray(np.full((4, 4), 0.5, dtype=np.float32))),
        ("16bit.png", Image.fromarray(np.full((4, 4), 32768, dtype=np.uint16))),
        ("16bit.tif", Image.fromarray(np.full((4, 4), 32768, dtype=np.uint16))),
        ("32bit.tif", Image.fromarray(np.full((4, 4), 32768, dtype=np.int32))),
        ("cmyk.jpg", Image.new("CMYK", (4, 4), (0, 0, 0, 127))),
        ("grey.png", Image.new("L", (4, 4), 128)),
        ("palette.png", Image.new("RGB", (4, 4), (128, 128, 128)).convert("P")),
        ("alpha.png", Image.new("LA", (4, 4), (0, 127))),
    ],
)
def test_every_kind_of_grey_is_grey(tmp_path, name, picture):
    """Floating-point greys were read black."""
    pixels = read_pixels(saved(tmp_path, picture, name))
    assert pixels.shape == (4, 4, 3) and pixels.mean() == pytest.approx(0.5, abs=0.01)


def test_black_and_white_of_one_bit(tmp_path):
    assert read_pixels(saved(tmp_path, Image.new("1", (4, 4), 1), "white.png")).mean() == 1.0


def test_a_palette_with_transparency_lies_over_white(tmp_path):
    picture = Image.new("P", (4, 4), 0)
    picture.putpalette([255, 0, 0, 0, 255, 0])
    file = saved(tmp_path, picture, "clear.png", transparency=0)
    assert torch.equal(read_pixels(file), torch.ones(4, 4, 3))


@pytest.mark.parametrize("values, said", [(255.0, "0 and 255"), (-1.0, "-1 and 0"), (np.nan, "nan")])
def test_floats_of_an_unknown_range_are_refused(tmp_path, values, said):
    pixels = np.zeros((4, 4), dtype=np.float32)
    pixels[0, 0] = values
    with pytest.raises(PictureError, match=f"values lie between {said}"):
        read_pixels(saved(tmp_path, Image.fromarray(pixels), "float.tif"))


@pytest.mark.parametrize("name", ["moving.webp", "moving.png", "pages.tif"])
def test_moving_pictures_and_pages_are_refused(tmp_path, name):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "green", "blue")]
    file = saved(tmp_path, frames[0], name, save_all=True, append_images=frames[1:])
    with pytest.raises(PictureError, match="has 3 frames or pages"):
        read_pixels(file)


def test_a_photo_with_a_preview_inside_is_one_photo(tmp_path):
    photo, preview = Image.new("RGB", (40, 20), "red"), Image.new("RGB", (4, 2), "blue")
    file = saved(tmp_path, photo, "phone.jpg", format="MPO", save_all=True, append_images=[preview])
    assert read_pixels(file).shape == (20, 40, 3)


def test_two_pictures_of_one_name_are_refused(folder):
    Image.new("RGB", (4, 4)).save(folder / "b.jpg")
    with pytest.raises(PictureError, match=r"b\.jpg and b\.png have one name"):
        listed(folder)


def test_hidden_files_are_left_out(folder):
    (folder / "._b.png").write_bytes(b"written by macOS")
    assert [file.name for file in listed(folder).files] == ["A.jpg", "b.png"]


def test_captions_that_are_none(folder):
    file = folder / "b.png"
    for content, message in (
        (b"\xff\xfea\0", "not UTF-8"),
        (b"a\0", r"U\+0000"),
        (b"x" * 200_000, "no caption"),
    ):
        file.with_suffix(".txt").write_bytes(content)
        with pytest.raises(PictureError, match=message):
            captions_of(file, "text file")
