"""Makes examples of pictures: latents by the VAE, conditionings by the text encoder, each once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..given import quoted
from .bucket import Example
from .pictures import Picture, PictureError, bucket_size, fitted, size_of

MOST_STRETCHED = 10  # the longer side of a picture over the shorter


def encoded(
    pictures: Iterable[Picture],
    vae: Any,
    clip: Any,
    resolution: int,
    controls: Sequence[Tensor] = (),
    conditionings: Sequence[list[Any]] = (),
    on_picture: Callable[[int], None] = lambda done: None,
) -> tuple[Example, ...]:
    """An example of each picture; only one picture is in memory at a time.

    Args:
        vae, clip: ComfyUI's VAE and CLIP; a CLIP is needed where no conditioning is given.
        resolution: side of the square whose area the latents' pictures have.
        controls: a control picture [H, W, 3] for each picture, cut to its size; or none at all.
        conditionings: CONDITIONING in place of the captions': one for all pictures, or one for each.
        on_picture: called with the number of pictures done.

    Raises:
        PictureError: for a picture of which the VAE can make no latent.
    """
    multiple = size_multiple(vae, resolution)
    of_caption: dict[str, list[Any]] = {}
    examples = []
    for index, picture in enumerate(pictures):
        if not conditionings and picture.caption not in of_caption:
            of_caption[picture.caption] = _encoded_caption(clip, picture.caption)
        conditioning = (
            conditionings[index % len(conditionings)] if conditionings else of_caption[picture.caption]
        )
        size = _latent_size(picture, resolution, multiple)
        control = fitted(controls[index], size)[None] if controls else None
        latent = _latent(picture, fitted(picture.pixels, size), vae)
        examples.append(Example(picture.name, picture.caption, latent, conditioning, control))
        on_picture(index + 1)
    return tuple(examples)


def _latent_size(picture: Picture, resolution: int, multiple: int) -> tuple[int, int]:
    width, height = size_of(picture.pixels)
    if max(width, height) > MOST_STRETCHED * min(width, height):
        raise PictureError(
            f"Picture {quoted(picture.name)} is {width} × {height} pixels, more than {MOST_STRETCHED} times as long "
            f"as wide, so most of it would be cut off. Crop it, or take it out."
        )
    return bucket_size(width, height, resolution, multiple)


def _latent(picture: Picture, pixels: Tensor, vae: Any) -> Tensor:
    latent: Tensor = vae.encode(pixels if pixels.ndim == 4 else pixels[None])
    if isinstance(latent, Tensor) and not bool(torch.isfinite(latent).all()):
        raise PictureError(
            f"The VAE gives no finite numbers for picture {quoted(picture.name)}. Many VAEs do so in half precision: "
            f"start ComfyUI with --fp32-vae, or take another VAE."
        )
    return latent


def _encoded_caption(clip: Any, caption: str) -> list[Any]:
    return clip.encode_from_tokens_scheduled(clip.tokenize(caption))


def size_multiple(vae: Any, resolution: int) -> int:
    """What sides are rounded to: two latent pixels (a patch of most models), but 64 where pictures are large."""
    factor = vae.spacial_compression_encode()
    return max(2 * factor, 64) if resolution >= 512 else 2 * factor
