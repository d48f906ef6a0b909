"""Masks: where in a picture the concept is, from a file beside it, its alpha channel or the graph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn.functional import interpolate

from ..given import quoted
from .faults import PictureError, one_for_each
from .pictures import check_size, eight_bit, faults_of, has_alpha
from .sizing import Cut, Pixels, fitted, size_of

ENDING = "-mask"  # face.png has its mask in face-mask.png
OTHER_SHAPE = 0.02  # how much the proportions of mask and picture may differ


def read_mask(file: Path) -> Image.Image:
    """A mask file as 8-bit grey; what is transparent is black.

    Raises:
        PictureError: if it cannot be read.
    """
    with faults_of(file, "mask"), Image.open(file) as opened:
        check_size(opened)
        upright = eight_bit(ImageOps.exif_transpose(opened))
        if has_alpha(upright):
            over = upright.convert("RGBA")
            upright = Image.alpha_composite(Image.new("RGBA", over.size, "black"), over)
        return upright.convert("L")


def masks_for(where: str, values: Sequence[Tensor], count: int, frames: int = 1) -> list[Tensor]:
    """The masks of so many pictures or clips, of lists and batches of ComfyUI's MASK.

    Args:
        where: whose they are, as the subject of a sentence.
        frames: of a clip, which may have a mask for each.

    Raises:
        PictureError: if there are more than one and not one for each.
    """
    found: list[Tensor] = []
    for value in values:
        found += list(value) if isinstance(value, Tensor) and value.ndim == 3 else [value]
    if frames > 1 and len(found) == count * frames:
        return [torch.stack(found[at : at + frames]) for at in range(0, len(found), frames)]
    one_for_each(where, count, "masks", len(found), (0, 1, count))
    return found


def given_mask(mask: Tensor, name: str) -> Pixels:
    """A mask [H, W], or one for each frame [T, H, W], from the graph.

    Raises:
        PictureError: for anything else, and for values that are no numbers.
    """
    if not isinstance(mask, Tensor) or mask.ndim not in (2, 3) or 0 in mask.shape:
        found = " × ".join(map(str, mask.shape)) if isinstance(mask, Tensor) else type(mask).__name__
        raise PictureError(f"The mask of {name} is {quoted(found)}; masks are tensors [B, H, W] from 0 to 1.")
    if mask.is_complex() or not bool(torch.isfinite(mask.float()).all()):
        raise PictureError(
            f"The mask of {name} has values that are no numbers. The node that made it has failed."
        )
    values = (mask.detach().float().cpu().clamp(0, 1) * 255).round().byte().numpy()
    frames = [
        Image.fromarray(np.ascontiguousarray(frame)) for frame in (values if mask.ndim == 3 else [values])
    ]
    return frames if len(frames) > 1 else frames[0]


def check_shape(what: str, one: Pixels, pixels: Pixels, tolerance: float = OTHER_SHAPE) -> None:
    """Raises PictureError for a mask or control picture of other proportions than its picture's."""
    (width, height), (own_width, own_height) = size_of(pixels), size_of(one)
    if abs(width * own_height / (height * own_width) - 1) > tolerance:
        raise PictureError(
            f"The {what} is {own_width} × {own_height} pixels and the picture {width} × {height}, which is another "
            f"shape. Make it from the picture itself."
        )


def fitted_mask(mask: Pixels, pixels: Pixels, cut: Cut, name: str) -> Tensor:
    """The mask [T or 1, H, W] of what is taken of a picture, in 0..1.

    Raises:
        PictureError: if its shape is not the picture's, or nothing is white where the picture is.
    """
    if not _is_black(mask):
        check_shape(f"mask of {quoted(name)}", mask, pixels)
    part = fitted(mask, cut)
    if float(part.max()) <= 0:
        raise PictureError(
            f"The mask of {quoted(name)} is black, so nothing of the picture would be learned. Paint white where the "
            f"concept is, or take the mask away."
        )
    return part if part.ndim == 3 else part[None]


def _is_black(mask: Pixels) -> bool:
    """ComfyUI gives a picture without a mask a small black one."""
    frames: Sequence[Image.Image] = [mask] if isinstance(mask, Image.Image) else mask  # type: ignore[assignment]
    return not any(frame.getbbox() for frame in frames)


def latent_mask(mask: Tensor, latent: Tensor) -> Tensor:
    """A mask [T or 1, H, W] at the size of a latent [1, C, (T,) H, W] or of frames as rows [T, C, H, W]."""
    frames = latent.shape[2] if latent.ndim == 5 else latent.shape[0]
    size = (frames if len(mask) > 1 else 1, *latent.shape[-2:])
    return interpolate(mask[None, None], size, mode="area")[0, 0]
