"""Folders as users have them: folders within folders, clips, masks, text files of many lines, broken files."""

from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from as_comfyui import Clip, Vae
from concept_sliders.slider_core.data import PictureError
from concept_sliders.slider_core.data.folder import FolderPictures
from concept_sliders.slider_core.data.notes import notes_on
from concept_sliders.slider_core.data.pictures import read_picture
from concept_sliders.slider_core.data.sizing import Sizing, of_megapixels
from concept_sliders.slider_core.encoding.encode import encoded
from concept_sliders.slider_core.encoding.encoders import Encoders
from concept_sliders.slider_core.settings import BucketSettings
from PIL import Image, ImageCms

SMALL = Sizing(64)


def examples(folder, sizing=SMALL, mirrored=False, **options):
    return encoded(FolderPictures(folder, **options), Encoders(Vae(), Clip()), sizing, mirrored=mirrored)


def picture(place, size=(64, 64), colour="red", **options):
    place.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(place, **options)
    return place


def written_video(file, frames=12, size=(64, 48), codec="libvpx"):
    """A video that grows brighter from frame to frame."""
    with av.open(str(file), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(8))
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for value in np.linspace(0, 255, frames):
            grey = np.full((size[1], size[0], 3), round(value), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode())
    return file


def moving_picture(file, frames=12):
    greys = [Image.new("RGB", (64, 48), (round(value),) * 3) for value in np.linspace(0, 255, frames)]
    greys[0].save(file, save_all=True, append_images=greys[1:], duration=50, quality=100)
    return file


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


@pytest.mark.parametrize(
    "name, codec", [("x.mp4", "libx264"), ("x.webm", "libvpx"), ("x.gif", ""), ("x.webp", "")]
)
def test_clips_are_cut_to_frames_with_a_stride(tmp_path, name, codec):
    _ = written_video(tmp_path / name, codec=codec) if codec else moving_picture(tmp_path / name)
    (example,) = examples(tmp_path, frames=4, stride=3)
    greys = example.latent[:, 0].mean((1, 2))
    assert torch.allclose(greys, torch.linspace(0, 1, 12)[::3], atol=0.05)
    with pytest.raises(
        PictureError, match=rf"{name} has 12 frames; 5 frames, one of every 3, need 13\. Lower frames"
    ):
        examples(tmp_path, frames=5, stride=3)


def test_clips_are_only_read_where_frames_are_asked_for(tmp_path):
    written_video(tmp_path / "x.webm")
    with pytest.raises(PictureError, match="holds 1 clip and no pictures. Set frames to read clips"):
        examples(tmp_path)
    picture(tmp_path / "a.png")
    assert [e.name for e in examples(tmp_path)] == ["a"]
    assert [len(e.latent) for e in examples(tmp_path, frames=4)] == [1, 4]


def test_a_gif_of_one_frame_is_a_picture(tmp_path):
    picture(tmp_path / "a.GIF", colour="white")
    moving_picture(tmp_path / "b.gif", 4)
    assert [e.name for e in examples(tmp_path)] == ["a"]
    assert [len(e.latent) for e in examples(tmp_path, frames=4)] == [1, 4]


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


def test_clips_that_are_none(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"")
    (tmp_path / "b.webm").write_bytes(b"this is text")
    whole = written_video(tmp_path / "c.webm").read_bytes()
    (tmp_path / "c.webm").write_bytes(whole[:300])
    (tmp_path / "d.gif").write_bytes(b"GIF89a")
    with pytest.raises(PictureError) as error:
        examples(tmp_path, frames=4)
    said = str(error.value).splitlines()
    assert said[0] == "4 pictures cannot be used:"
    for line, name in zip(said[1:], ("a.mp4", "b.webm", "c.webm", "d.gif"), strict=True):
        assert line.startswith(f"- {name} ") and line.endswith("out of the folder.") or "has no frames" in line


def test_a_video_of_sound_alone(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(PictureError, match=r"a\.mp4 has no picture in it, only sound"):
        examples(tmp_path, frames=2)


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


def test_endings_in_capitals_are_the_same(tmp_path):
    picture(tmp_path / "Face.PNG")
    picture(tmp_path / "Face-MASK.JPG", colour="white")
    (tmp_path / "Face.TXT").write_text("a face")
    (example,) = examples(tmp_path, captions="text file")
    assert (example.name, example.caption) == ("Face", "a face") and example.mask is not None


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
