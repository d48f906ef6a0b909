"""Pictures: what one is, read from a file, or checked where it comes from the graph."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageCms, ImageOps
from torch import Tensor

from ..given import quoted
from .faults import PictureError
from .sizing import Pixels, as_tensor

PICTURE_TYPES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
STILL = ("MPO",)  # formats of single photos that have more pictures inside, such as a preview
MOST_PIXELS = 178_956_970  # of a picture: what Pillow takes for an attack


@dataclass(frozen=True)
class Picture:
    """A picture or clip, its captions and its mask.

    Attributes:
        pixels: 8-bit RGB as read, or [H, W, 3], or the frames of a clip, in 0..1, float32.
        others: more captions, where it has several.
        mask: 8-bit grey of the same shape, white where the concept is; or one for each frame.
        named: whether the name is a file's or was given; else it is only a number.
    """

    name: str
    pixels: Pixels
    caption: str
    others: tuple[str, ...] = ()
    mask: Pixels | None = None
    named: bool = True

    @property
    def captions(self) -> tuple[str, ...]:
        return (self.caption, *self.others)


def read_picture(file: Path) -> Image.Image:
    """The picture in 8-bit RGB in the colours of sRGB, turned upright, transparency over white.

    Raises:
        PictureError: if the file is not a whole, readable picture, or has several.
    """
    return _read(file, on_white)


def read_with_alpha(file: Path) -> tuple[Image.Image, Image.Image | None]:
    """The picture as it is under its transparency, and the alpha channel: white where the picture is opaque.

    Raises:
        PictureError: as `read_picture`.
    """

    def parts(opened: Image.Image) -> tuple[Image.Image, Image.Image | None]:
        if not has_alpha(opened):
            return opened.convert("RGB"), None
        whole = opened.convert("RGBA")
        return whole.convert("RGB"), whole.getchannel("A")

    return _read(file, parts)


def _read(file: Path, made: Callable[[Image.Image], Any]) -> Any:
    with faults_of(file), Image.open(file) as opened:
        frames = getattr(opened, "n_frames", 1)
        if frames == 1 or opened.format in STILL:
            check_size(opened)
            return made(in_srgb(eight_bit(ImageOps.exif_transpose(opened))))
    raise PictureError(
        f"{file.name} has {frames} frames or pages. Save the one that is meant as a picture, or read it as a clip: set "
        f"frames above 1."
    )


@contextmanager
def faults_of(file: Path | str, what: str = "picture") -> Iterator[None]:
    """Names the file in whatever goes wrong while it is read: readers raise nearly anything for a damaged one."""
    try:
        yield
    except PictureError:
        raise
    except Exception as error:
        name = file.name if isinstance(file, Path) else file
        reason = quoted(str(error).replace(str(file), name))[1:-1] or type(error).__name__
        raise PictureError(
            f"{name} cannot be read as a {what} ({reason}). Save it again, or take it out of the folder."
        ) from error


def check_size(opened: Image.Image) -> None:
    """Raises ValueError for a picture that would fill the memory."""
    if opened.width * opened.height > MOST_PIXELS:
        raise ValueError(f"{opened.width} × {opened.height} pixels are more than {MOST_PIXELS:,}")


def read_pixels(file: Path) -> Tensor:
    """`read_picture` as [H, W, 3] in 0..1."""
    return as_tensor(read_picture(file))


def eight_bit(picture: Image.Image) -> Image.Image:
    """Greys of 16 bits (Pillow's modes I and I;16) and in floating point (F) as greys of 8 bits."""
    if not picture.mode.startswith(("I", "F")):
        return picture
    values = np.asarray(picture).astype(np.float64)
    full = 1.0 if picture.mode == "F" else 65535.0
    if not (np.isfinite(values).all() and 0 <= values.min() and values.max() <= full):
        raise ValueError(f"its values lie between {values.min():g} and {values.max():g}, not 0 and {full:g}")
    return Image.fromarray((values * (255.0 / full)).round().astype(np.uint8))


def in_srgb(picture: Image.Image) -> Image.Image:
    """The picture in the colours of sRGB, if it says by a profile in which it is; a damaged profile is left aside."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(picture.info["icc_profile"]))
        if "sRGB" in ImageCms.getProfileDescription(profile):
            return picture
        alpha = picture.convert("RGBA").getchannel("A") if has_alpha(picture) else None
        plain = picture.convert({"L": "L", "LA": "L", "CMYK": "CMYK"}.get(picture.mode, "RGB"))
        made = ImageCms.profileToProfile(plain, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
        assert made is not None, "only a conversion in place gives nothing"
    except (KeyError, ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return picture
    if alpha is not None:
        made.putalpha(alpha)
    return made


def has_alpha(picture: Image.Image) -> bool:
    """Whether it has any transparency."""
    return "A" in picture.getbands() or "transparency" in picture.info


def on_white(picture: Image.Image) -> Image.Image:
    """In RGB, transparency over white."""
    if has_alpha(picture):
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
