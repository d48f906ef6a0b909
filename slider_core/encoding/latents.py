"""Examples of latents that another node has encoded: ComfyUI's LATENT, and CONDITIONING beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from ..data.bucket import Example
from ..data.faults import PictureError, one_for_each
from ..data.masks import given_mask, latent_mask
from ..data.sizing import as_tensor
from ..given import quoted
from .encoders import Encoders


def one_by_one(latents: Sequence[Mapping[str, Any]]) -> list[Tensor]:
    """The latents [1, C, …] of lists and batches, one after the other.

    Raises:
        PictureError: for anything that is not ComfyUI's LATENT of pictures or clips.
    """
    return [sample[None] for latent in latents for sample in _checked(latent)]


def _checked(latent: Mapping[str, Any]) -> Tensor:
    samples = latent.get("samples") if isinstance(latent, Mapping) else None
    if not isinstance(samples, Tensor) or samples.is_nested or getattr(samples, "tensors", None) is not None:
        raise PictureError(
            "The latents are not ComfyUI's LATENT of pictures or clips. Connect a node that encodes some."
        )
    if not samples.is_floating_point() or samples.ndim not in (4, 5) or 0 in samples.shape:
        shape = " × ".join(map(str, samples.shape))
        raise PictureError(
            f"Latents of shape {shape} and type {samples.dtype} cannot be used; they are floating-point numbers [B, C, "
            f"H, W] or, of clips, [B, C, T, H, W]."
        )
    if not bool(torch.isfinite(samples).all()):
        raise PictureError("A latent has values that are no numbers. The node that made it has failed.")
    return samples


def conditionings_of(
    latents: Sequence[Mapping[str, Any]], conditionings: Sequence[list[Any]]
) -> list[list[Any]]:
    """A CONDITIONING for each single latent.

    Make Training Dataset gives one for each latent; Resolution Bucket gives, for each batch, one with as many entries
    as the batch has latents.
    """
    sizes = [len(_checked(latent)) for latent in latents]
    if len(conditionings) == len(sizes) != sum(sizes):
        return [
            part
            for size, given in zip(sizes, conditionings, strict=True)
            for part in ([[entry] for entry in given] if len(given) == size else [given] * size)
        ]
    return list(conditionings)


def check_conditionings(where: str, conditionings: Sequence[Any]) -> None:
    """Raises PictureError for anything that is not ComfyUI's CONDITIONING.

    Args:
        where: whose they are.
    """
    for given in conditionings:
        entries = given if isinstance(given, list) else []
        if not entries or not all(map(_is_entry, entries)):
            found = "empty" if given == [] else type(given).__name__
            raise PictureError(
                f"A conditioning of {where} is {found} and no CONDITIONING. Connect a node that gives one."
            )


def _is_entry(entry: Any) -> bool:
    """A tensor, and options."""
    whole = isinstance(entry, list | tuple) and len(entry) == 2
    return whole and isinstance(entry[0], Tensor) and isinstance(entry[1], Mapping)


def masks_in(latents: Sequence[Mapping[str, Any]]) -> list[Tensor | None]:
    """The noise mask [H, W] of each single latent that has one (Set Latent Noise Mask); empty where none has."""
    found: list[Tensor | None] = []
    for latent in latents:
        size, mask = len(_checked(latent)), latent.get("noise_mask")
        if isinstance(mask, Tensor) and mask.ndim > 2 and 0 not in mask.shape:
            found += _shared_out(mask.reshape(-1, *mask.shape[-2:]), size)
        else:
            found += [mask] * size  # `given_mask` says what is wrong with it
    return found if any(mask is not None for mask in found) else []


def _shared_out(masks: Tensor, count: int) -> list[Tensor]:
    """Masks [N, H, W]: as many in a row for each of `count` latents, or again and again where they do not suffice."""
    if len(masks) > count and len(masks) % count == 0:
        return list(masks.reshape(count, -1, *masks.shape[-2:]))
    return [masks[index % len(masks)] for index in range(count)]


def examples_of(
    latents: Sequence[Tensor],
    encoders: Encoders,
    captions: Sequence[str],
    conditionings: Sequence[list[Any]] = (),
    masks: Sequence[Tensor | None] = (),
    names: Sequence[str] = (),
) -> tuple[Example, ...]:
    """An example of each latent [1, C, (T,) H, W].

    Args:
        captions: one for each; encoded where there are no conditionings.
        conditionings: one for all, or one for each.
        masks: none, or for each [H, W], of the latent's shape in any size.
        names: none, or one for each.
    """
    where, count = "The list of latents", len(latents)
    one_for_each(where, count, "conditionings", len(conditionings), (0, 1, count))
    one_for_each(where, count, "masks", len(masks), (0, count))
    examples = []
    for index, latent in enumerate(latents):
        name = names[index] if names else f"{index:03}"
        given = conditionings[index % len(conditionings)] if conditionings else None
        caption, mask = captions[index], masks[index] if masks else None
        examples.append(
            Example(
                name,
                caption,
                latent,
                given or encoders.conditioning(caption),
                mask=None if mask is None else _mask(mask, latent, name),
                named=bool(names),
            )
        )
    return tuple(examples)


def _mask(mask: Tensor, latent: Tensor, name: str) -> Tensor:
    pictures = given_mask(mask, f"latent {quoted(name)}")
    frames = [pictures] if isinstance(pictures, Image.Image) else list(pictures)
    made = latent_mask(torch.stack([as_tensor(frame) for frame in frames]), latent)
    if float(made.max()) <= 0:
        raise PictureError(
            f"The mask of latent {quoted(name)} is black, so nothing of it would be learned. Take it away."
        )
    return made
