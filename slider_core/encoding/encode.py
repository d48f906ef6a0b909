"""Makes examples of pictures: latents by the VAE, conditionings by the text encoder, each once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..data.bucket import MIRRORED, Example, with_variants
from ..data.faults import PictureError, raise_all
from ..data.masks import check_shape, fitted_mask, latent_mask
from ..data.pictures import Picture
from ..data.sizing import Sizing, fitted, size_of
from ..given import quoted
from .encoders import Encoders

ROUNDED = 0.1  # how much the proportions of a control picture may differ: preprocessors round sides to 64


def encoded(
    pictures: Sequence[Picture],
    encoders: Encoders,
    sizing: Sizing,
    controls: Sequence[Tensor] = (),
    conditionings: Sequence[list[Any]] = (),
    on_picture: Callable[[int], None] = lambda done: None,
    mirrored: bool = False,
) -> tuple[Example, ...]:
    """An example of each picture that is large enough; only one picture is in memory at a time.

    What is wrong with a picture ends the encoding, but not the reading: all others are looked at too, and told of.

    Args:
        pictures: each is read when it is asked for by its index.
        controls: a control picture [H, W, 3] for each picture, cut as it is; or none at all.
        conditionings: CONDITIONING in place of the captions': one for all pictures, or one for each.
        on_picture: called with the number of pictures done.
        mirrored: makes a second example of each picture, with left and right exchanged.

    Raises:
        PictureError: for pictures that cannot be read or encoded, all at once.
    """
    multiple = encoders.size_multiple(sizing.resolution)
    examples: list[Example] = []
    faults: list[str] = []
    for index in range(len(pictures)):
        try:
            picture = pictures[index]
            if sizing.takes(*size_of(picture.pixels)):
                parts = _parts(picture, sizing, multiple, controls[index] if controls else None)
                given = conditionings[index % len(conditionings)] if conditionings else None
                if not faults:
                    examples.append(_example(picture, picture.name, parts, encoders, given))
                if mirrored and not faults:
                    other = picture.name + MIRRORED
                    examples.append(_example(picture, other, parts.mirrored, encoders, given))
        except PictureError as fault:
            faults.append(str(fault))
        on_picture(index + 1)
    raise_all(faults)
    if not examples:
        raise PictureError(
            f"None of {len(pictures)} pictures is large enough: their shorter edges have less than {sizing.least} "
            f"pixels. Lower minimum_size, or give larger ones."
        )
    return tuple(examples)


@dataclass(frozen=True)
class _Parts:
    """What is taken of a picture: pixels [(T,) H, W, 3], control picture [1, H, W, 3] and mask [T or 1, H, W]."""

    pixels: Tensor
    control: Tensor | None
    mask: Tensor | None

    @property
    def mirrored(self) -> _Parts:
        control, mask = self.control, self.mask
        return _Parts(
            self.pixels.flip(-2),
            None if control is None else control.flip(-2),
            None if mask is None else mask.flip(-1),
        )


def _parts(picture: Picture, sizing: Sizing, multiple: int, control: Tensor | None) -> _Parts:
    """All cut alike."""
    cut = sizing.cut(picture.name, *size_of(picture.pixels), multiple)
    if control is not None:
        check_shape(f"control picture of {quoted(picture.name)}", control, picture.pixels, ROUNDED)
    mask = None if picture.mask is None else fitted_mask(picture.mask, picture.pixels, cut, picture.name)
    return _Parts(fitted(picture.pixels, cut), None if control is None else fitted(control, cut)[None], mask)


def _example(
    picture: Picture, name: str, parts: _Parts, encoders: Encoders, given: list[Any] | None
) -> Example:
    latent = encoders.latent(name, parts.pixels)
    mask = None if parts.mask is None else latent_mask(parts.mask, latent)
    captions = picture.captions[:1] if given else picture.captions
    brightness = float(parts.pixels.mean())
    return with_variants(
        [
            Example(
                name,
                caption,
                latent,
                given or encoders.conditioning(caption),
                parts.control,
                mask,
                picture.named,
                brightness=brightness,
            )
            for caption in captions
        ]
    )
