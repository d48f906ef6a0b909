"""Words in place of pictures: prompts with more and with less of a concept, whose difference is the direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor

from ..given import quoted

MOST_PHRASES = 64


class WordsError(ValueError):
    """The prompts give no direction."""


@dataclass(frozen=True)
class Words:
    """What an example's target is made from, if not from its picture: see `training.words`.

    Attributes:
        more, less: ComfyUI's CONDITIONING lists, the n-th of one against the n-th of the other.
        guidance: how far strength 1 goes along their difference.
        kept: for each pair of prompts, which value of each attribute that is to stay it has; () if there is none.
    """

    more: tuple[list[Any], ...]
    less: tuple[list[Any], ...]
    guidance: float = 3.0
    kept: tuple[tuple[int, ...], ...] = ()


def phrases(more: str, less: str, preserve: str = "") -> list[tuple[str, str]]:
    """The prompts that are compared: more and less, both with the same one of each attribute that is to stay.

    With "bright eyes, dull eyes" in `preserve`, a smile with bright eyes is compared with a frown with bright eyes, and
    one with dull eyes with another, so what remains of the eyes in the difference is no part of it.

    Args:
        preserve: an attribute a line, its values separated by commas.

    Raises:
        WordsError: if both prompts are the same, or the attributes have too many combinations.
    """
    if more.split() == less.split():
        raise WordsError(
            f"More and less are both {quoted(more)}. Say what strength 1 and what strength −1 shows."
        )
    kept: list[tuple[str, ...]] = list(product(*_attributes(preserve)))[: MOST_PHRASES + 1]
    if len(kept) > MOST_PHRASES:
        raise WordsError(
            f"The attributes to preserve have more than {MOST_PHRASES} combinations. Leave out lines or values."
        )
    return [(", ".join((more, *values)), ", ".join((less, *values))) for values in kept]


def kept_values(preserve: str) -> tuple[tuple[int, ...], ...]:
    """For each of the pairs that `phrases` gives, which value of each attribute to preserve it has."""
    return tuple(product(*(range(len(values)) for values in _attributes(preserve))))


def _attributes(preserve: str) -> list[list[str]]:
    lines = [[value.strip() for value in line.split(",") if value.strip()] for line in preserve.splitlines()]
    return [values for values in lines if values]


def direction(more: Sequence[Tensor], less: Sequence[Tensor], kept: Sequence[tuple[int, ...]] = ()) -> Tensor:
    """What predictions under prompts with more and with less differ by, for each row of their batch.

    Prompts that name the same values still differ in what the model takes to come along, and a sampler adds to it step
    by step. So what the mean difference has in common with those of the attributes to preserve is divided between them
    evenly (symmetric orthogonalisation, Löwdin 1950): to take all of it from the concept would overshoot, as the words
    for an attribute bring some of the concept too (SLIDERS.md).

    Args:
        more, less: predictions of one latent under each prompt, [batch, …].
        kept: see `Words`, for these prompts.
    """
    with_more, with_less = torch.stack(list(more)), torch.stack(list(less))
    along = (with_more - with_less).mean(0)
    others = _differences((with_more + with_less) / 2, kept)
    if not others:
        return along
    vectors = torch.stack([along, *others], 1).flatten(2).float()  # [batch, vectors, values]
    sizes = vectors.norm(dim=2, keepdim=True).clamp(min=1e-12)
    units = vectors / sizes
    overlaps, axes = torch.linalg.eigh(units @ units.mT)
    apart = axes @ torch.diag_embed(overlaps.clamp(min=1e-4).rsqrt()) @ axes.mT
    return ((apart @ units) * sizes)[:, 0].reshape(along.shape).to(along)


def _differences(predictions: Tensor, kept: Sequence[tuple[int, ...]]) -> list[Tensor]:
    """How the predictions [prompts, batch, …] of each value of an attribute differ from those of the others."""
    found = []
    for values in zip(*kept, strict=True):
        for value in sorted(set(values))[1:]:
            has = torch.tensor([own == value for own in values], device=predictions.device)
            found.append(predictions[has].mean(0) - predictions[~has].mean(0))
    return found
