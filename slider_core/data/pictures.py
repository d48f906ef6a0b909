"""Pictures and their captions, from a folder."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

PICTURE_TYPES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
CAPTIONS = ("text file", "file name", "prompt")


class PictureError(ValueError):
    """A picture or caption is missing or cannot be used."""


@dataclass(frozen=True)
class Picture:
    """A picture [H, W, 3], or the frames of a clip [T, H, W, 3], as read; 0..1, float32."""

    name: str
    pixels: Tensor
    caption: str


def picture_files(folder: Path) -> list[Path]:
    """The picture files directly in `folder`, by name.

    Raises:
        PictureError: if the folder is missing or holds no picture.
    """
    if not folder.is_dir():
        raise PictureError(f"There is no folder {folder.name!r}. Create it and put pictures into it.")
    files = [file for file in folder.iterdir() if file.suffix.lower() in PICTURE_TYPES and file.is_file()]
    if not files:
        raise PictureError(
            f"Folder {folder.name!r} holds no pictures ({', '.join(PICTURE_TYPES)}). Pictures in folders below it "
            "are not read."
        )
    return sorted(files, key=lambda file: file.name.lower())


def read_pixels(file: Path) -> Tensor:
    """The picture [H, W, 3] in 0..1, turned upright, transparency over white.

    Raises:
        PictureError: if the file is not a whole, readable picture.
    """
    try:
        with Image.open(file) as opened:
            upright = ImageOps.exif_transpose(opened)
            if upright.mode.startswith("I"):
                upright = upright.point(lambda value: value / 256).convert("L")
            if "A" in upright.getbands() or "transparency" in upright.info:
                over = upright.convert("RGBA")
                upright = Image.alpha_composite(Image.new("RGBA", over.size, "white"), over)
            pixels = np.asarray(upright.convert("RGB"), dtype=np.float32) / 255.0
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise PictureError(
            f"{file.name} cannot be read as a picture ({error}). Save it again, or take it out of the folder."
        ) from error
    return torch.from_numpy(pixels)


def caption_of(file: Path, captions: str, prompt: str) -> str:
    """The caption of a picture file: its .txt neighbour, its name in words, or `prompt` for all.

    Raises:
        PictureError: if the .txt file is missing or is not UTF-8 text.
    """
    if captions == "prompt":
        return prompt
    if captions == "file name":
        return " ".join(file.stem.replace("_", " ").replace("-", " ").split())
    text = file.with_suffix(".txt")
    if not text.is_file():
        raise PictureError(
            f"{file.name} has no caption: {text.name} is missing. Write it, or set captions to 'file name' or 'prompt'."
        )
    try:
        return " ".join(text.read_text(encoding="utf-8-sig").split())
    except UnicodeDecodeError as error:
        raise PictureError(f"{text.name} is not UTF-8 text. Save it again as UTF-8.") from error


def bucket_size(width: int, height: int, resolution: int, multiple: int) -> tuple[int, int]:
    """Width and height near the picture's shape with about `resolution`² pixels, both multiples of `multiple`."""
    scale = resolution / math.sqrt(width * height)
    return max(multiple, round(width * scale / multiple) * multiple), max(
        multiple, round(height * scale / multiple) * multiple
    )


def fitted(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """`pixels` [(T,) H, W, 3] scaled to cover (width, height) and cropped to it around the middle."""
    if pixels.ndim == 4:
        return torch.stack([fitted(frame, size) for frame in pixels])
    if size == (pixels.shape[1], pixels.shape[0]):
        return pixels
    picture = Image.fromarray((pixels.numpy() * 255).round().astype(np.uint8))
    fit = ImageOps.fit(picture, size, Image.Resampling.LANCZOS)
    return torch.from_numpy(np.asarray(fit, dtype=np.float32) / 255.0)
