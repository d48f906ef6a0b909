"""One step: forward and backward over the rows of a turn, each row at its own strength."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from .model_call import ModelCalls, Row
from .objectives import odd_target, row_losses
from .rows import TrainRow, stacked
from .words import steered_targets

LEAST = 0.02  # share of a picture that is learned, below which its loss is not raised any further


class Attach(Protocol):
    """Puts the slider (and an assistant) on the model for the time of a model call and its backward pass."""

    def __call__(self, strengths: Tensor) -> AbstractContextManager[None]: ...


def forward_backward(
    rows: Sequence[TrainRow],
    calls: ModelCalls,
    attach: Attach,
    rows_at_once: int = 0,
    scale: Callable[[Tensor], Tensor] = lambda loss: loss,
    total: float | None = None,
) -> dict[int, float]:
    """Adds the gradient of the weighted mean of the rows' losses to the adapters.

    Args:
        rows_at_once: at most so many rows go through the model together; 0 means all that fit in one call.
        scale: applied to the loss before the backward pass, for float16 models.
        total: weight of all rows of the step, where these are not all of them.

    Returns:
        Mean loss by sign, of the signs that are in the rows.
    """
    total = sum(row.weight for row in rows) if total is None else total
    losses: dict[int, list[float]] = {}
    targets = targets_of(rows, calls, attach, rows_at_once)
    for indices in chunks(rows, calls, rows_at_once):
        chunk, target = [rows[i] for i in indices], torch.cat([targets[i] for i in indices])
        latents, noise, sigmas = stacked(chunk)
        strengths = torch.tensor([row.strength for row in chunk])
        with attach(strengths):
            prediction = calls.predict([row.row for row in chunk], calls.noised(latents, noise, sigmas), sigmas)
            per_row = row_losses(prediction, target, len(chunk)) * _shares(chunk, prediction)
            weights = torch.tensor([row.weight / total for row in chunk], device=per_row.device)
            calls.backward(scale((per_row * weights).sum()))
        for row, loss in zip(chunk, per_row.tolist(), strict=True):
            losses.setdefault(row.sign, []).append(loss)
    return {sign: sum(values) / len(values) for sign, values in losses.items()}


def chunks(rows: Sequence[TrainRow], calls: ModelCalls, rows_at_once: int) -> list[list[int]]:
    """Indices of the rows of each model call."""
    found: list[list[int]] = []
    for group in calls.batches([row.row for row in rows]):
        size = rows_at_once or len(group)
        found += [group[start : start + size] for start in range(0, len(group), size)]
    return found


def targets_of(rows: Sequence[TrainRow], calls: ModelCalls, attach: Attach, rows_at_once: int) -> list[Tensor]:
    """What each row's prediction is compared with, in float32."""
    perfect = _perfect(rows, calls)
    needed = [
        i for i, row in enumerate(rows) if row.anchor or row.partner is not None or row.learned is not None
    ]
    predicted = base_predictions([rows[i] for i in needed], calls, attach, rows_at_once)
    base = dict(zip(needed, predicted, strict=True))
    steered = _steered(rows, calls, attach, rows_at_once)
    targets = []
    for i, row in enumerate(rows):
        if i in steered:
            targets.append(steered[i])
            continue
        if row.partner is None:
            target = base[i] if row.anchor else perfect[i]
        else:
            error, other_error = (base[j] - perfect[j] for j in (i, row.partner))
            share = row.strength / (row.strength - rows[row.partner].strength)
            target = odd_target(base[i], error, other_error, share)
        targets.append(target if row.learned is None else torch.lerp(base[i], target, row.learned))
    return targets


def _perfect(rows: Sequence[TrainRow], calls: ModelCalls) -> list[Tensor]:
    """What a perfect model would predict for each row; rows of one shape together."""
    shapes: dict[torch.Size, list[int]] = {}
    for i, row in enumerate(rows):
        shapes.setdefault(row.row.latent.shape, []).append(i)
    found: dict[int, Tensor] = {}
    for shape, alike in shapes.items():
        target = calls.target(*stacked([rows[i] for i in alike]))
        found |= dict(zip(alike, target.split(shape[0]), strict=True))
    return [found[i] for i in range(len(rows))]


def _shares(rows: Sequence[TrainRow], like: Tensor) -> Tensor:
    """What the loss of each row is multiplied by, [rows]: where only a part of it is learned, the mean over the whole
    would count that part less."""
    shares = [1.0 if row.learned is None else 1.0 / max(LEAST, float(row.learned.mean())) for row in rows]
    return torch.tensor(shares, device=like.device)


def base_predictions(
    rows: Sequence[TrainRow], calls: ModelCalls, attach: Attach, rows_at_once: int = 0
) -> list[Tensor]:
    """The model's predictions for these rows at strength 0, in float32."""
    predictions: dict[int, Tensor] = {}
    for indices in chunks(rows, calls, rows_at_once):
        chunk = [rows[i] for i in indices]
        latents, noise, sigmas = stacked(chunk)
        with torch.no_grad(), attach(torch.zeros(len(chunk))):
            stack = calls.predict([row.row for row in chunk], calls.noised(latents, noise, sigmas), sigmas)
        parts = stack.float().split([row.row.size for row in chunk])
        predictions |= dict(zip(indices, parts, strict=True))
    return [predictions[i] for i in range(len(rows))]


def _steered(
    rows: Sequence[TrainRow], calls: ModelCalls, attach: Attach, rows_at_once: int
) -> dict[int, Tensor]:
    """The targets of the rows that words steer, by their index; rows of one noised latent share the predictions."""
    groups: dict[tuple[int, int], list[int]] = {}
    for i, row in enumerate(rows):
        if row.steering is not None:
            groups.setdefault((id(row.row.latent), id(row.noise)), []).append(i)
    targets: dict[int, Tensor] = {}
    for group in groups.values():
        first = rows[group[0]]

        def predict(under: Sequence[Row], first: TrainRow = first) -> list[Tensor]:
            return base_predictions([replace(first, row=row) for row in under], calls, attach, rows_at_once)

        steerings = [(row.row, row.steering, row.strength) for row in (rows[i] for i in group) if row.steering]
        targets |= dict(zip(group, steered_targets(steerings, predict), strict=True))
    return targets
