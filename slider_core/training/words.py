"""Targets from words alone: the base model's own prediction, moved along what prompts with more and less differ by.

With f_0(y, c) the base model's prediction for a noised latent y under prompt c, the target at strength s is

    N( f_0(y, neutral) + s · guidance · mean over n of ( f_0(y, moreₙ) − f_0(y, lessₙ) ) )

N scales it to the norm of f_0(y, neutral). Concept Sliders (Gandikota et al., 2023, equation 7) has the sum over the
attributes to preserve; here both signs are trained, on the same y.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from ..data.bucket import Example
from .model_call import ModelCalls, Row

AT_ONCE = 4  # pairs of prompts that a step compares; of more, it draws so many


@dataclass(frozen=True)
class Steering:
    """The prompts of a row, made ready for its latent."""

    more: tuple[Row, ...]
    less: tuple[Row, ...]
    guidance: float


def steering(example: Example, calls: ModelCalls, generator: Generator) -> Steering | None:
    """The prompts that this step compares for the example; None if its picture is its target."""
    words = example.words
    if words is None:
        return None
    count = len(words.more)
    drawn = torch.randperm(count, generator=generator)[:AT_ONCE].tolist() if count > AT_ONCE else range(count)
    more, less = (tuple(calls.row_under(example, side[n]) for n in drawn) for side in (words.more, words.less))
    return Steering(more, less, words.guidance)


def steered_target(base: Tensor, more: Sequence[Tensor], less: Sequence[Tensor], amount: float) -> Tensor:
    """`base` moved by `amount` times the mean difference, at the norm of `base`; all predictions of one latent."""
    moved = base + amount * (torch.stack(list(more)) - torch.stack(list(less))).mean(0)
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
    return [steered_target(base, more, less, strength * prompts.guidance) for _, prompts, strength in steerings]
