"""Clips: so many frames of a video file or a moving picture, as 8-bit pictures."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import numpy as np
from PIL import Image

from .faults import PictureError
from .pictures import MOST_PIXELS, check_size, eight_bit, faults_of, in_srgb, on_white

VIDEO_TYPES = (".mp4", ".webm", ".mov", ".mkv", ".avi")
MOVING_TYPES = (".gif", ".webp", ".png", ".apng", ".tif", ".tiff")  # read by Pillow; most are single pictures
MOST_BYTES = 4 << 30  # of a clip's frames in memory


def is_moving(file: Path) -> bool:
    """Whether the file is a video or a moving picture; a file that cannot be read is none."""
    if file.suffix.lower() in VIDEO_TYPES:
        return True
    if file.suffix.lower() not in MOVING_TYPES:
        return False
    try:
        with Image.open(file) as opened:
            return getattr(opened, "n_frames", 1) > 1
    except Exception:  # `read_picture` says what is wrong with it
        return False


def read_clip(file: Path, frames: int, stride: int = 1) -> list[Image.Image]:
    """The first `frames` frames of a file, one of every `stride`.

    Raises:
        PictureError: if the file cannot be read or is too short.
    """
    if file.suffix.lower() in VIDEO_TYPES:
        return video_frames(str(file), file.name, frames, stride)
    with faults_of(file, "clip"), Image.open(file) as opened:
        _check_clip(opened.width, opened.height, frames)
        check_size(opened)
        count = getattr(opened, "n_frames", 1)
        found = []
        for index in range(0, min(count, _needed(frames, stride)), stride):
            opened.seek(index)
            found.append(on_white(in_srgb(eight_bit(opened.copy()))))
        return _whole(found, file.name, frames, stride, count)


def video_frames(
    source: str | io.BytesIO,
    name: str,
    frames: int,
    stride: int = 1,
    start: float = 0.0,
    duration: float = 0.0,
) -> list[Image.Image]:
    """Frames of a video; no more of it is decoded than they need.

    Args:
        name: what errors call it.
        start, duration: seconds to which it is trimmed; a duration of 0 is to the end.

    Raises:
        PictureError: if it cannot be read, has no frames or too few.
    """
    seen = 0

    def counted(decoded: Iterator[Image.Image]) -> Iterator[Image.Image]:
        nonlocal seen
        for frame in decoded:
            seen += 1
            yield frame

    with faults_of(name, "video"), av.open(source, mode="r") as container:
        if not container.streams.video:
            raise PictureError(f"{name} has no picture in it, only sound. Take it out.")
        stream = container.streams.video[0]
        _check_clip(stream.width, stream.height, frames)
        wanted = islice(
            counted(_decoded(container, stream, start, duration)), 0, _needed(frames, stride), stride
        )
        return _whole(list(wanted), name, frames, stride, seen)


def _decoded(
    container: av.container.InputContainer, stream: av.VideoStream, start: float, duration: float
) -> Iterator[Image.Image]:
    """The frames from `start` on, upright; ends are rounded as ComfyUI rounds them."""
    tick = float(stream.time_base or 1)
    first, end = int(start / tick), int((start + duration) / tick)
    if first:
        container.seek(first, stream=stream)
    for frame in container.decode(stream):
        if (frame.pts or 0) < first:
            continue
        if duration and (frame.pts or 0) >= end:
            return
        picture = frame.to_ndarray(format="rgb24")
        yield Image.fromarray(np.ascontiguousarray(np.rot90(picture, round(frame.rotation / 90))))


def _needed(frames: int, stride: int) -> int:
    return (frames - 1) * stride + 1


def _check_clip(width: int, height: int, frames: int) -> None:
    if width * height > MOST_PIXELS or 3 * width * height * frames > MOST_BYTES:
        raise ValueError(f"{frames} frames of {width} × {height} pixels take more than {MOST_BYTES >> 30} GB")


def _whole(found: list[Image.Image], name: str, frames: int, stride: int, count: int) -> list[Image.Image]:
    if len(found) == frames:
        return found
    raise PictureError(too_short(name, frames, stride, count))


def too_short(name: str, frames: int, stride: int, count: int) -> str:
    """That a clip has only `count` frames, and what to do."""
    if not count:
        return f"{name} has no frames. Save it again, or take it out."
    asked = f"{frames} frames, one of every {stride}, need" if stride > 1 else "frames asks for"
    lower = "frames or stride" if stride > 1 else "frames"
    return f"{name} has {count} frames; {asked} {_needed(frames, stride)}. Lower {lower}, or take it out."
