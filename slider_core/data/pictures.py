"""Pictures and their captions, from a folder."""

from __future__ import annotations

import math
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from ..given import checked_text, quoted

PICTURE_TYPES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
LONGEST = 100_000  # bytes of a caption file
STILL = ("MPO",)  # formats of single photos that have more pictures inside, such as a preview


class PictureError(ValueError):
    """A picture or caption is missing or cannot be used."""


@dataclass(frozen=True)
class Picture:
    """A picture and its caption.

    Attributes:
        pixels: 8-bit RGB as read, or [H, W, 3], or the frames of a clip [T, H, W, 3], in 0..1, float32.
    """

    name: str
    pixels: Image.Image | Tensor
    caption: str


def picture_files(folder: Path) -> list[Path]:
    """The picture files directly in `folder`, by name; hidden ones are left out.

    Raises:
        PictureError: if the folder is missing, cannot be read or holds no picture, or if two share a name.
    """
    if not os.path.isdir(folder):
        raise PictureError(f"There is no folder {quoted(folder.name)}. Create it and put pictures into it.")
    try:
        files = [file for file in folder.iterdir() if file.suffix.lower() in PICTURE_TYPES and file.is_file()]
    except OSError as error:
        raise PictureError(f"Folder {quoted(folder.name)} cannot be read ({error.strerror}).") from None
    files = [file for file in files if not file.name.startswith(".")]
    if not files:
        raise PictureError(
            f"Folder {quoted(folder.name)} holds no pictures ({', '.join(PICTURE_TYPES)}). Pictures in folders below "
            "it are not read."
        )
    stem, count = Counter(file.stem for file in files).most_common(1)[0]
    if count > 1:
        twice = " and ".join(sorted(file.name for file in files if file.stem == stem))
        raise PictureError(
            f"{twice} have one name, so they would share a caption and be the same half of a pair. Rename one."
        )
    return sorted(files, key=lambda file: file.name.lower())


def read_picture(file: Path) -> Image.Image:
    """The picture in 8-bit RGB, turned upright, transparency over white.

    Raises:
        PictureError: if the file is not a whole, readable picture, or has several.
    """
    try:
        with Image.open(file) as opened:
            frames = getattr(opened, "n_frames", 1)
            if frames == 1 or opened.format in STILL:
                return _on_white(_eight_bit(ImageOps.exif_transpose(opened)))
    except Exception as error:  # Pillow's readers raise nearly anything for a damaged file
        reason = quoted(str(error)).strip("'\"") or type(error).__name__
        raise PictureError(
            f"{file.name} cannot be read as a picture ({reason}). Save it again, or take it out of the folder."
        ) from error
    raise PictureError(f"{file.name} has {frames} frames or pages. Save the one that is meant as a picture.")


def read_pixels(file: Path) -> Tensor:
    """`read_picture` as [H, W, 3] in 0..1."""
    return _pixels(read_picture(file))


def _pixels(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.asarray(picture, dtype=np.float32) / 255.0)


def _eight_bit(picture: Image.Image) -> Image.Image:
    """Greys of 16 bits (Pillow's modes I and I;16) and in floating point (F) as greys of 8 bits."""
    if not picture.mode.startswith(("I", "F")):
        return picture
    values = np.asarray(picture).astype(np.float64)
    full = 1.0 if picture.mode == "F" else 65535.0
    if not (np.isfinite(values).all() and 0 <= values.min() and values.max() <= full):
        raise ValueError(f"its values lie between {values.min():g} and {values.max():g}, not 0 and {full:g}")
    return Image.fromarray((values * (255.0 / full)).round().astype(np.uint8))


def _on_white(picture: Image.Image) -> Image.Image:
    if "A" in picture.getbands() or "transparency" in picture.info:
        over = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", over.size, "white"), over)
    return picture.convert("RGB")


def checked_shape(pictures: Tensor) -> Tensor:
    """Pictures as nodes give them, [B, H, W, C], with a batch dimension also where a single one came without.

    Raises:
        PictureError: if the shape is not that of pictures.
    """
    if not isinstance(pictures, Tensor):
        raise PictureError(f"Pictures are tensors [B, H, W, 3], not {quoted(type(pictures).__name__)}.")
    if not pictures.is_floating_point():
        raise PictureError(f"Pictures are floating-point numbers from 0 to 1, not {pictures.dtype}.")
    batch = pictures[None] if pictures.ndim == 3 else pictures
    if batch.ndim != 4 or batch.shape[-1] not in (1, 3, 4) or 0 in batch.shape:
        shape = " × ".join(map(str, pictures.shape))
        raise PictureError(
            f"Pictures of shape {shape} cannot be used; they are [B, H, W, 3]: batch, height, width."
        )
    return batch


def checked_pixels(pixels: Tensor, name: str) -> Tensor:
    """Pictures [..., H, W, 1, 3 or 4] as RGB in 0..1, transparency over white.

    Raises:
        PictureError: for NaN and infinite values.
    """
    pixels = pixels.detach().float().cpu()
    if not bool(torch.isfinite(pixels).all()):
        raise PictureError(f"{name} has values that are no numbers. The node that made it has failed.")
    if pixels.shape[-1] == 4:
        alpha = pixels[..., 3:].clamp(0, 1)
        pixels = pixels[..., :3] * alpha + (1 - alpha)
    return pixels.expand(*pixels.shape[:-1], 3).clamp(0, 1)


def caption_of(file: Path, captions: str, prompt: str) -> str:
    """The caption of a picture file: its .txt neighbour, its name in words, or `prompt` for all.

    Raises:
        PictureError: if the .txt file is missing or is not UTF-8 text, or the caption cannot be encoded.
    """
    if captions == "prompt":
        return prompt
    if captions == "file name":
        words = " ".join(file.stem.replace("_", " ").replace("-", " ").split())
        return checked_text(words, f"the name of {quoted(file.name)}", PictureError)
    return checked_text(_text_beside(file), f"the caption of {quoted(file.name)}", PictureError)


def _text_beside(file: Path) -> str:
    text = file.with_suffix(".txt")
    if not text.is_file():
        raise PictureError(
            f"{file.name} has no caption: {text.name} is missing. Write it, or set captions to 'file name' or 'prompt'."
        )
    try:
        if text.stat().st_size > LONGEST:
            raise PictureError(f"{text.name} has more than {LONGEST:,} bytes, so it is no caption. Shorten it.")
        return " ".join(text.read_text(encoding="utf-8-sig").split())
    except UnicodeDecodeError as error:
        raise PictureError(f"{text.name} is not UTF-8 text. Save it again as UTF-8.") from error
    except OSError as error:
        raise PictureError(f"{text.name} cannot be read ({error.strerror}).") from error


def size_of(pixels: Image.Image | Tensor) -> tuple[int, int]:
    """Width and height."""
    return pixels.size if isinstance(pixels, Image.Image) else (pixels.shape[-2], pixels.shape[-3])


def bucket_size(width: int, height: int, resolution: int, multiple: int) -> tuple[int, int]:
    """Width and height near the picture's shape with about `resolution`² pixels, both multiples of `multiple`."""
    scale = resolution / math.sqrt(width * height)
    return max(multiple, round(width * scale / multiple) * multiple), max(
        multiple, round(height * scale / multiple) * multiple
    )


def fitted(pixels: Image.Image | Tensor, size: tuple[int, int]) -> Tensor:
    """A picture, or frames [(T,) H, W, 3], scaled to cover (width, height) and cropped to it around the middle."""
    if isinstance(pixels, Image.Image):
        return _pixels(ImageOps.fit(pixels, size, Image.Resampling.LANCZOS))
    if pixels.ndim == 4:
        return torch.stack([fitted(frame, size) for frame in pixels])
    if size == size_of(pixels):
        return pixels
    return fitted(Image.fromarray((pixels.numpy() * 255).round().astype(np.uint8)), size)
