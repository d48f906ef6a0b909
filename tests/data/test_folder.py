"""Folders as users have them: folders within folders, text files of many lines, broken files."""

import pytest
from as_comfyui import Clip, Vae
from concept_sliders.slider_core.data import PictureError
from concept_sliders.slider_core.data.folder import FolderPictures
from concept_sliders.slider_core.data.notes import notes_on
from concept_sliders.slider_core.data.pictures import read_picture
from concept_sliders.slider_core.data.sizing import Sizing
from concept_sliders.slider_core.encoding.encode import encoded
from concept_sliders.slider_core.encoding.encoders import Encoders
from concept_sliders.slider_core.settings import BucketSettings
from data.folders import SMALL, examples, picture
from PIL import Image, ImageCms


def test_folders_below_are_read_on_request(tmp_path):
    for name in ("a.png", "day/a.png", "night/deep/b.png", ".hidden/c.png"):
        picture(tmp_path / name)
    assert [e.name for e in examples(tmp_path)] == ["a"]
    assert [e.name for e in examples(tmp_path, subfolders=True)] == ["a", "day/a", "night/deep/b"]
    with pytest.raises(PictureError, match="'night' holds no pictures .* turn on subfolders"):
        examples(tmp_path / "night")


def test_links_to_folders_elsewhere_are_not_followed(tmp_path, tmp_path_factory):
    picture(tmp_path / "a.png")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    picture(elsewhere / "secret.png")
    (tmp_path / "link").symlink_to(elsewhere)
    (tmp_path / "loop").symlink_to(tmp_path)
    assert [e.name for e in examples(tmp_path, subfolders=True)] == ["a"]


def notes(folder, **settings):
    asked = BucketSettings(**{"resolution": 64, **settings})
    source = FolderPictures.of(asked, folder)
    return notes_on(source, asked, encoded(source, Encoders(Vae(), Clip()), SMALL))


def test_what_of_a_folder_is_not_what_it_seems_is_told(tmp_path):
    picture(tmp_path / "a.png")
    assert notes(tmp_path) == []
    picture(tmp_path / "gone-mask.png")
    for name in ("b.HEIC", "c.avif", "notes.md"):
        (tmp_path / name).touch()
    for name in ("a", "gone-mask"):
        (tmp_path / f"{name}.txt").write_text("\n" if name == "a" else "a face")
    assert notes(tmp_path, captions="text file") == [
        "gone-mask.png is read as a picture: there is none that it is the mask of.",
        "2 files are of a type that is not read: b.HEIC, c.avif. Save them as PNG, or as MP4.",
        "1 caption is empty: a.",
    ]


def test_a_text_file_of_many_captions(tmp_path):
    picture(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("a face,\n\n  by day  \nat\tnight\n")
    (example,) = examples(tmp_path, captions="text file")
    assert example.caption == "a face, by day at night" and example.variants == ()
    (example,) = examples(tmp_path, captions="text file", text_file="one a line")
    assert [e.caption for e in (example, *example.variants)] == ["a face,", "by day", "at night"]
    assert all(e.latent is example.latent for e in example.variants)
    (tmp_path / "a.txt").write_text("\n \n")
    (example,) = examples(tmp_path, captions="text file", text_file="one a line")
    assert example.caption == "" and example.variants == ()


def test_all_broken_pictures_are_named_at_once_and_no_more_is_encoded(tmp_path):
    class Counting(Vae):
        encoded = 0

        def encode(self, pixels):
            Counting.encoded += 1
            return super().encode(pixels)

    for name in "abcdef":
        picture(tmp_path / f"{name}.png")
    for name in "be":
        (tmp_path / f"{name}.png").write_bytes(b"broken")
    picture(tmp_path / "f.png", (900, 20))
    with pytest.raises(PictureError) as error:
        encoded(FolderPictures(tmp_path), Encoders(Counting(), Clip()), Sizing(64))
    said = str(error.value)
    assert said.startswith("3 pictures cannot be used:") and Counting.encoded == 1
    assert all(name in said for name in ("b.png cannot be read", "e.png cannot be read", "'f' is 900 × 20"))


def test_all_missing_captions_too(tmp_path):
    for name in "abc":
        picture(tmp_path / f"{name}.png")
    (tmp_path / "b.txt").write_text("b")
    with pytest.raises(
        PictureError, match=r"(?s)2 captions cannot be used:.*a\.txt is missing.*c\.txt is missing"
    ):
        examples(tmp_path, captions="text file")


def test_a_long_list_of_faults_has_an_end(tmp_path):
    for index in range(60):
        (tmp_path / f"{index:02}.png").write_bytes(b"")
    with pytest.raises(PictureError, match="60 pictures cannot be used") as error:
        examples(tmp_path)
    assert len(str(error.value).splitlines()) == 32 and str(error.value).endswith("and 30 more.")


def test_a_decompression_bomb_is_refused(tmp_path):
    """A PNG of a few kilobytes that would take gigabytes; also where Pillow's own limit has been lifted."""
    Image.new("1", (20000, 20000)).save(tmp_path / "bomb.png")
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with pytest.raises(PictureError, match=r"bomb\.png cannot be read as a picture \(20000 × 20000 pixels"):
            examples(tmp_path)
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def test_endings_in_capitals_are_the_same(tmp_path):
    picture(tmp_path / "Face.PNG")
    picture(tmp_path / "Face-MASK.JPG", colour="white")
    (tmp_path / "Face.TXT").write_text("a face")
    (example,) = examples(tmp_path, captions="text file")
    assert (example.name, example.caption) == ("Face", "a face") and example.mask is not None


def linear_profile():
    """sRGB's, but with the numbers of a picture in proportion to its light, and another name."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for index in range(int.from_bytes(data[128:132], "big")):
        tag = data[132 + 12 * index : 144 + 12 * index]
        if tag[1:4] == b"TRC":
            at = int.from_bytes(tag[4:8], "big")
            data[at : at + 12] = b"curv" + bytes(8)
    return bytes(data).replace("sRGB".encode("utf-16-be"), "lRGB".encode("utf-16-be"))


def test_colour_profiles_are_converted_to_srgb(tmp_path):
    """A photo in another profile was read as if it were sRGB, a little too pale or too dark."""
    picture(tmp_path / "linear.png", colour=(55, 55, 55), icc_profile=linear_profile())
    picture(tmp_path / "plain.png", colour=(55, 55, 55))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture(tmp_path / "srgb.png", colour=(55, 55, 55), icc_profile=srgb)
    picture(tmp_path / "broken.png", colour=(55, 55, 55), icc_profile=b"no profile")
    values = {
        name: read_picture(tmp_path / f"{name}.png").getpixel((0, 0))
        for name in ("linear", "plain", "srgb", "broken")
    }
    assert all(abs(value - 128) <= 2 for value in values.pop("linear"))
    assert set(values.values()) == {(55, 55, 55)}
