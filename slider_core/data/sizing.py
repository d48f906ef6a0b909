"""To which size a picture is scaled, and what part of it is taken."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from ..given import quoted
from ..settings import BucketSettings
from .faults import PictureError

MOST_STRETCHED = 10  # the longer side of a picture over the shorter

# A picture as it is read, one from the graph [H, W, 3], a clip's frames as read, or from the graph [T, H, W, 3]. Masks
# are the same without the last dimension. Tensors are in 0..1.
Pixels = Image.Image | Sequence[Image.Image] | Tensor


@dataclass(frozen=True)
class Cut:
    """A part of a picture, scaled.

    Attributes:
        size: width and height.
        centering: where the part lies, across and down: 0 at the left or top edge, 0.5 in the middle.
        bleed: share of the picture's width and height that is cut off at each edge before.
    """

    size: tuple[int, int]
    centering: tuple[float, float] = (0.5, 0.5)
    bleed: float = 0.0


@dataclass(frozen=True)
class Sizing:
    """The rule for the sizes of a bucket's pictures.

    Attributes:
        resolution: side, in pixels, of the square whose area pictures get, or length of their shorter edge.
        measure: which of the two: `area` or `shorter edge`.
        crop: `keep shape` cuts off no more than rounding asks for; `square` takes the largest square around the
            middle, `square from the top` at the upper or left edge; `centre` a square from the middle at the picture's
            own scale, where it is large enough.
        least: pictures whose shorter edge has fewer pixels are left out.
        least_area: those with fewer pixels in all are left out.
    """

    resolution: float = 1024
    measure: str = "area"
    crop: str = "keep shape"
    least: int = 0
    least_area: float = 0.0

    @classmethod
    def of(cls, settings: BucketSettings) -> Sizing:
        """The rule that these settings ask for."""
        megapixels = settings.size_by == "megapixels"
        resolution = of_megapixels(settings.megapixels) if megapixels else settings.resolution
        measure = "area" if megapixels else settings.size_by
        return cls(resolution, measure, settings.crop, settings.minimum_size)

    def takes(self, width: int, height: int) -> bool:
        """Whether a picture of this size is large enough."""
        return min(width, height) >= self.least and width * height >= self.least_area

    def cut(self, name: str, width: int, height: int, multiple: int) -> Cut:
        """What is taken of a picture of this size; sides are rounded to `multiple`.

        Raises:
            PictureError: if nearly all of it would be cut off.
        """
        if max(width, height) > MOST_STRETCHED * min(width, height):
            raise PictureError(
                f"Picture {quoted(name)} is {width} × {height} pixels, more than {MOST_STRETCHED} times as long "
                f"as wide, so most of it would be cut off. Crop it, or take it out."
            )
        if self.crop == "keep shape":
            area = self.measure != "shorter edge"
            scale = self.resolution / (math.sqrt(width * height) if area else min(width, height))
            return Cut((rounded(width * scale, multiple), rounded(height * scale, multiple)))
        side = rounded(self.resolution, multiple)
        if self.crop == "centre":
            share = min(1.0, side / min(width, height))
            return Cut((side, side), bleed=(1 - share) / 2)
        return Cut((side, side), (0.5, 0.0) if self.crop == "square from the top" else (0.5, 0.5))


def of_megapixels(megapixels: float) -> float:
    """Side of the square of so many times 1024 × 1024 pixels, as ComfyUI counts megapixels."""
    return 1024 * math.sqrt(megapixels)


def rounded(length: float, multiple: int) -> int:
    """The nearest multiple, at least one."""
    return max(multiple, round(length / multiple) * multiple)


def size_of(pixels: Pixels) -> tuple[int, int]:
    """Width and height."""
    if isinstance(pixels, Image.Image):
        return pixels.size
    return (pixels.shape[-2], pixels.shape[-3]) if isinstance(pixels, Tensor) else pixels[0].size


def fitted(pixels: Pixels, cut: Cut) -> Tensor:
    """The part of a picture [H, W, 3] or clip [T, H, W, 3], or of their masks [(T,) H, W], scaled to its size."""
    if isinstance(pixels, Image.Image):
        return as_tensor(ImageOps.fit(pixels, cut.size, Image.Resampling.LANCZOS, cut.bleed, cut.centering))
    if not isinstance(pixels, Tensor) or pixels.ndim == 4:
        return torch.stack([fitted(frame, cut) for frame in pixels])
    if cut.size == size_of(pixels) and not cut.bleed:
        return pixels
    return fitted(Image.fromarray((pixels.numpy() * 255).round().astype(np.uint8)), cut)


def as_tensor(picture: Image.Image) -> Tensor:
    """8 bits a channel to 0..1."""
    return torch.from_numpy(np.asarray(picture, dtype=np.float32) / 255.0)
