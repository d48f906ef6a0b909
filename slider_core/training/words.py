"""Targets from words alone: the base model's own prediction, moved along what prompts with more and less differ by.

With f_0(y, c) the base model's prediction for a noised latent y under prompt c, the target at strength s is

    N( f_0(y, neutral) + s · guidance · d ),   d from the f_0(y, moreₙ) and f_0(y, lessₙ): see `data.words.direction`

N scales it to the norm of f_0(y, neutral). Concept Sliders (Gandikota et al., 2023, equation 7) has the sum of their
differences over the attributes to preserve; here d is also set apart from those attributes, and both signs are trained,
on the same y.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from ..data.bucket import Example
from ..data.words import direction
from .model_call import ModelCalls, Row

AT_ONCE = 4  # pairs of prompts that a step compares; of more, it draws so many


@dataclass(frozen=True)
class Steering:
    """The prompts of a row, made ready for its latent."""

    more: tuple[Row, ...]
    less: tuple[Row, ...]
    guidance: float
    kept: tuple[tuple[int, ...], ...] = ()


def steering(example: Example, calls: ModelCalls, generator: Generator) -> Steering | None:
    """The prompts that this step compares for the example; None if its picture is its target."""
    words = example.words
    if words is None:
        return None
    count = len(words.more)
    drawn = torch.randperm(count, generator=generator)[:AT_ONCE].tolist() if count > AT_ONCE else range(count)
    more, less = (tuple(calls.row_under(example, side[n]) for n in drawn) for side in (words.more, words.less))
    return Steering(more, less, words.guidance, tuple(words.kept[n] for n in drawn) if words.kept else ())


def steered_target(base: Tensor, along: Tensor, amount: float) -> Tensor:
    """`base` moved by `amount` times `along`, at the norm of `base`; all of one latent."""
    moved = base + amount * along
    return moved * (base.norm() / moved.norm().clamp(min=1e-12))


Predict = Callable[[Sequence[Row]], list[Tensor]]


def steered_targets(steerings: Sequence[tuple[Row, Steering, float]], predict: Predict) -> list[Tensor]:
    """The targets at several strengths for one noised latent.

    Args:
        steerings: for each target the row, the prompts it is steered by, and the strength.
        predict: the base model's predictions, of rows of this latent under any prompt.
    """
    row, prompts, _ = steerings[0]
    base, *others = predict([row, *prompts.more, *prompts.less])
    more, less = others[: len(prompts.more)], others[len(prompts.more) :]
    along = direction(more, less, prompts.kept)
    return [steered_target(base, along, strength * prompts.guidance) for _, prompts, strength in steerings]
