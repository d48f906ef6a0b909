"""Folders of bad pictures and captions, and images from the graph that are none."""

import io as streams
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from concept_sliders.nodes.buckets import NO_FOLDER, BucketLoader
from PIL import Image

from .judging import Case
from .widgets import good, run

MODES = ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F", "I;16"]
FORMATS = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "bmp": "BMP", "tif": "TIFF"}
MOVING = {"gif": "GIF"}
CAPTIONS = [
    b"\xff\xfea\0",
    b"a\0b",
    b"",
    b"\xef\xbb\xbfa",
    b"x" * 300_000,
    b"\xed\xa0\x80",
    b"{a|b}" * 5000,
    b"(" * 5000,
]
NAMES = ["a\nb", "a" * 200, "a\u202eb", "\udcff", "con", ".hidden", "a.png", " ", "a,b;c", "١٢٣", "-", "%s{0}"]
SIZES = [(1, 1), (1, 5000), (5000, 1), (3, 2), (1, 9), (65, 63)]
GRAPH = [
    *(
        torch.zeros(shape)
        for shape in ((0, 8, 8, 3), (1, 0, 8, 3), (8, 8), (1, 8, 8, 2), (1, 8, 8, 5), (1, 1, 8, 8, 3))
    ),
    *(torch.full((1, 16, 16, 3), value) for value in (float("nan"), float("inf"), -1e9, 1e30)),
    *(
        torch.ones(2, 16, 16, 3).to(dtype)
        for dtype in (torch.uint8, torch.bool, torch.complex64, torch.float16)
    ),
    *("a picture", 7, {}, [[0.5]], np.zeros((1, 8, 8, 3))),
]


def encoded(picture: Image.Image, kind: str, **options) -> bytes:
    stream = streams.BytesIO()
    picture.save(stream, (FORMATS | MOVING)[kind], **options)
    return stream.getvalue()


def files() -> Iterator[tuple[str, dict[str, bytes]]]:
    """Contents of folders, by file name, with what is bad about them."""
    red = Image.new("RGB", (40, 30), "red")
    chance = random.Random(0)
    for kind in FORMATS:
        whole = encoded(red, kind)
        for length in (0, 1, 10, len(whole) // 2, len(whole) - 1):
            yield f"{kind} cut at {length}", {f"a.{kind}": whole[:length]}
        for index in range(8):
            at = chance.randrange(min(200, len(whole)))
            yield (
                f"{kind} byte {index}",
                {f"a.{kind}": whole[:at] + bytes([chance.randrange(256)]) + whole[at + 1 :]},
            )
        for other in FORMATS:
            yield f"{kind} called {other}", {f"a.{other}": whole}
        yield f"{kind} twice", {f"a.{kind}": whole, "a.bmp" if kind != "bmp" else "a.png": whole}
        for mode in MODES:
            try:
                yield f"{mode} as {kind}", {f"a.{kind}": encoded(_of_mode(mode), kind)}
            except (OSError, ValueError):
                continue  # the format does not have it
    for size in SIZES:
        yield f"size {size}", {"a.png": encoded(Image.new("RGB", size), "png")}
    for name in NAMES:
        yield f"name {name!r:.30}", {f"{name}.png": encoded(red, "png")}
    for orientation in (0, 5, 8, 9, 65535):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield f"orientation {orientation}", {"a.jpg": encoded(red, "jpg", exif=exif)}
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "blue")]
    for kind in ("png", "webp", "tif"):
        yield f"moving {kind}", {f"a.{kind}": encoded(frames[0], kind, save_all=True, append_images=frames[1:])}
    for index, value in enumerate((-1.0, 2.0, 1e30, float("nan"), float("inf"))):
        pixels = Image.fromarray(np.full((4, 4), value, dtype=np.float32))
        yield f"float {index}", {"a.tif": encoded(pixels, "tif")}
    for index, caption in enumerate(CAPTIONS):
        yield f"caption {index}", {"a.png": encoded(red, "png"), "a.txt": caption}
    yield "no pictures", {"notes.txt": b"x"}


def _of_mode(mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(np.full((8, 8), 40000, dtype=np.uint16))
    return (
        Image.new("RGB", (8, 8), "red").convert("L").convert(mode) if mode in "IF" else Image.new(mode, (8, 8))
    )


def cases() -> Iterator[Case]:
    for name, contents in files():
        for captions in ("text file", "file name") if "caption" in name or "name" in name else ("prompt",):
            yield Case(f"folder: {name}, {captions}", partial(_from_folder, contents, captions))
    for index, images in enumerate(GRAPH):
        for place in ("images", "control_images"):
            yield Case(f"graph {place} {index}", partial(_from_graph, place, images))
    for trouble in (_a_folder_called_picture, _a_loop, _no_right_to_read, _a_caption_that_is_a_folder):
        yield Case(f"folder: {trouble.__name__}", partial(_with, trouble))


def _load(**given) -> None:
    inputs = {name: value for name, value in good(BucketLoader).items() if name != "images"}
    run(BucketLoader, {**inputs, **given})


def _from_folder(contents: dict[str, bytes], captions: str, folder: Path) -> None:
    (folder / "faces").mkdir()
    for name, content in contents.items():
        try:
            (folder / "faces" / name).write_bytes(content)
        except (OSError, ValueError):
            return  # this system has no such names
    _load(folder="faces", captions=captions)


def _from_graph(place: str, images: object, folder: Path) -> None:
    _load(**{"folder": NO_FOLDER, "images": torch.rand(1, 64, 64, 3), place: images})


def _with(trouble: Callable[[Path], None], folder: Path) -> None:
    faces = folder / "faces"
    faces.mkdir()
    trouble(faces)
    _load(folder="faces", captions="text file")


def _a_folder_called_picture(faces: Path) -> None:
    (faces / "a.png").mkdir()


def _a_loop(faces: Path) -> None:
    (faces / "a.png").symlink_to(faces / "a.png")
    (faces / "more").symlink_to(faces)


def _no_right_to_read(faces: Path) -> None:
    (faces / "a.png").write_bytes(encoded(Image.new("RGB", (9, 9)), "png"))
    (faces / "a.png").chmod(0)
    (faces / "a.txt").write_text("a")


def _a_caption_that_is_a_folder(faces: Path) -> None:
    (faces / "a.png").write_bytes(encoded(Image.new("RGB", (9, 9)), "png"))
    (faces / "a.txt").mkdir()
