"""Makes examples of pictures: latents by the VAE, conditionings by the text encoder, each once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from .bucket import Example
from .pictures import Picture, bucket_size, fitted


def encoded(
    pictures: Sequence[Picture],
    vae: Any,
    clip: Any,
    resolution: int,
    controls: Sequence[Tensor] = (),
    conditioning: list[Any] | None = None,
    on_picture: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Example, ...]:
    """An example of each picture.

    Args:
        vae, clip: ComfyUI's VAE and CLIP; a CLIP is needed where no conditioning is given.
        resolution: side of the square whose area the latents' pictures have.
        controls: a control picture [H, W, 3] for each picture, cut to its size; or none at all.
        conditioning: CONDITIONING for every picture, in place of its caption's.
        on_picture: called with (pictures done, pictures in all).
    """
    multiple = size_multiple(vae, resolution)
    conditionings: dict[str, list[Any]] = {}
    examples = []
    for index, picture in enumerate(pictures):
        if picture.caption not in conditionings:
            conditionings[picture.caption] = conditioning or _encoded_caption(clip, picture.caption)
        height, width = picture.pixels.shape[-3:-1]
        size = bucket_size(width, height, resolution, multiple)
        pixels = fitted(picture.pixels, size)
        control = fitted(controls[index], size)[None] if controls else None
        latent = vae.encode(pixels if pixels.ndim == 4 else pixels[None])
        examples.append(Example(picture.name, picture.caption, latent, conditionings[picture.caption], control))
        on_picture(index + 1, len(pictures))
    return tuple(examples)


def _encoded_caption(clip: Any, caption: str) -> list[Any]:
    return clip.encode_from_tokens_scheduled(clip.tokenize(caption))


def size_multiple(vae: Any, resolution: int) -> int:
    """What sides are rounded to: two latent pixels (a patch of most models), but 64 where pictures are large."""
    factor = vae.spacial_compression_encode()
    return max(2 * factor, 64) if resolution >= 512 else 2 * factor
