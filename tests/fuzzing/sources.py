"""Bad clips, masks, latents, videos and kept encodings for Load Slider Bucket."""

import random
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from comfy_api.latest import InputImpl, Types
from concept_sliders.nodes.bucket_making import cache_folder
from concept_sliders.nodes.buckets import NO_FOLDER, BucketLoader
from PIL import Image

from .folders import GRAPH, encoded
from .judging import Case
from .widgets import good, run

CODECS = {"webm": "libvpx", "mp4": "libx264", "mkv": "mpeg4", "avi": "mpeg4", "mov": "libx264"}
CROPS = ("keep shape", "square", "square from the top", "centre")
NAN = float("nan")
SHAPES = [(), (0,), (8,), (0, 8), (8, 0), (8, 8), (1, 8, 8), (0, 8, 8), (3, 8, 8), (1, 1, 8, 8), (1, 2, 64, 64)]
LATENTS = [
    *({"samples": torch.ones(shape)} for shape in SHAPES),
    *({"samples": torch.full((1, 4, 8, 8), value)} for value in (NAN, float("inf"), 1e30)),
    *({"samples": torch.ones(1, 4, 8, 8).to(dtype)} for dtype in (torch.uint8, torch.bool, torch.complex64)),
    {"samples": torch.nested.nested_tensor([torch.ones(4, 8, 8), torch.ones(4, 4, 4)])},
    {"samples": torch.ones(2, 4, 8, 8), "noise_mask": torch.zeros(1, 1, 8, 8)},
    {"samples": torch.ones(2, 4, 8, 8), "noise_mask": torch.full((3, 1, 8, 8), NAN)},
    {"samples": torch.ones(2, 4, 8, 8), "noise_mask": torch.ones(8)},
    {"samples": torch.ones(2, 4, 8, 8), "noise_mask": torch.ones(0, 8, 8)},
    {"samples": "latent", "noise_mask": 7},
    {},
    None,
    7,
    "latent",
    torch.ones(1, 4, 8, 8),
]


def video(folder: Path, kind: str, frames: int = 6, size: tuple[int, int] = (32, 32)) -> bytes:
    place = folder / f"made.{kind}"
    with av.open(str(place), "w") as container:
        stream = container.add_stream(CODECS[kind], rate=Fraction(8))
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for index in range(frames):
            picture = np.full((size[1], size[0], 3), 40 * index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    content = place.read_bytes()
    place.unlink()
    return content


def moving(kind: str) -> bytes:
    frames = [Image.new("RGB", (32, 32), (40 * index, 0, 0)) for index in range(6)]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:])


def changes(whole: bytes, seed: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    for length in (0, 1, 20, len(whole) // 3, len(whole) - 1):
        yield whole[:length]
    for _ in range(10):
        at = chance.randrange(len(whole))
        yield whole[:at] + bytes([chance.randrange(256)]) + whole[at + 1 :]


def cases() -> Iterator[Case]:
    for number, kind in enumerate([*CODECS, "gif", "webp", "png"]):
        for index in range(15):
            for place in (f"a.{kind}", f"a-mask.{kind}"):
                yield Case(f"clip {place} {index}", partial(_damaged_clip, kind, number, index, place))
        for frames, stride in ((6, 1), (7, 1), (3, 3), (1024, 1000)):
            yield Case(f"clip {kind} {frames} of every {stride}", partial(_long, kind, frames, stride))
    for index, latent in enumerate(LATENTS):
        for more in ({}, {"crop": "square"}, {"conditioning": [[torch.ones(1, 2, 3), {}]]}):
            yield Case(f"latents {index} {list(more)}", partial(_load, latents=latent, **more))
    for index, images in enumerate(GRAPH):
        yield Case(f"videos {index}", partial(_load, videos=images))
        yield Case(f"masks {index}", partial(_load, images=torch.rand(1, 64, 64, 3), masks=images))
        yield Case(f"a video of {index}", partial(_video_of, images))
    for index, shape in enumerate(SHAPES):
        for crop in CROPS:
            mask = torch.ones(shape)
            yield Case(
                f"mask {index} {crop}", partial(_load, images=torch.rand(1, 64, 48, 3), masks=mask, crop=crop)
            )
    for index, names in enumerate((["a", "a"], ["a"], [""], ["x" * 5000], [7], ["\ud800"], ["../../x"])):
        yield Case(f"names {index}", partial(_load, images=torch.rand(2, 64, 64, 3), names=names))
    for trouble in (_a_cache_that_is_a_file, _a_cache_of_rubbish, _a_mask_that_is_a_folder, _two_sources):
        yield Case(f"bucket: {trouble.__name__}", trouble)


def _load(at: Path, **given: Any) -> None:
    inputs = {
        name: value for name, value in good(BucketLoader).items() if name not in ("images", "conditioning")
    }
    run(BucketLoader, {**inputs, "folder": NO_FOLDER, **given})


def _content(folder: Path, kind: str) -> bytes:
    return video(folder, kind) if kind in CODECS else moving(kind)


def _damaged_clip(kind: str, number: int, index: int, name: str, folder: Path) -> None:
    whole, faces = _content(folder, kind), folder / "faces"
    faces.mkdir()
    (faces / f"a.{kind}").write_bytes(whole)
    (faces / name).write_bytes(list(changes(whole, 100 * number + index))[index])
    _load(folder, folder="faces", frames=3, stride=2)


def _long(kind: str, frames: int, stride: int, folder: Path) -> None:
    (folder / "faces").mkdir()
    (folder / "faces" / f"a.{kind}").write_bytes(_content(folder, kind))
    _load(folder, folder="faces", frames=frames, stride=stride)


def _video_of(images: Any, folder: Path) -> None:
    components = Types.VideoComponents(images=images, frame_rate=Fraction(8))
    _load(folder, videos=InputImpl.VideoFromComponents(components), frames=2)


def _faces(folder: Path) -> Path:
    (folder / "faces").mkdir()
    Image.new("RGB", (64, 64), "red").save(folder / "faces" / "a.png")
    return folder / "faces"


def _a_cache_that_is_a_file(folder: Path) -> None:
    _faces(folder)
    cache_folder().parent.mkdir(parents=True)
    cache_folder().write_bytes(b"x")
    _load(folder, folder="faces")


def _a_cache_of_rubbish(folder: Path) -> None:
    _faces(folder)
    (cache_folder() / "aa" / ("a" * 64 + ".safetensors")).mkdir(parents=True)
    _load(folder, folder="faces")


def _a_mask_that_is_a_folder(folder: Path) -> None:
    (_faces(folder) / "a-mask.png").mkdir()
    _load(folder, folder="faces")


def _two_sources(folder: Path) -> None:
    _load(folder, images=torch.rand(1, 64, 64, 3), latents={"samples": torch.ones(1, 4, 8, 8)})
