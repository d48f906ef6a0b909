"""One step: forward and backward over the rows of a turn, each row at its own strength."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from ..comfy_bridge.model_call import ModelCalls
from .objectives import row_losses
from .rows import TrainRow, stacked


class Attach(Protocol):
    """Puts the slider (and an assistant) on the model for the time of a model call and its backward pass."""

    def __call__(self, strengths: Tensor) -> AbstractContextManager[None]: ...


def forward_backward(
    rows: Sequence[TrainRow],
    calls: ModelCalls,
    attach: Attach,
    rows_at_once: int = 0,
    scale: Callable[[Tensor], Tensor] = lambda loss: loss,
) -> dict[int, float]:
    """Adds the gradient of the weighted mean of the rows' losses to the adapters.

    Args:
        rows_at_once: at most so many rows go through the model together; 0 means all that fit in one call.
        scale: applied to the loss before the backward pass, for float16 models.

    Returns:
        Mean loss by sign, of the signs that are in the rows.
    """
    total = sum(row.weight for row in rows)
    losses: dict[int, list[float]] = {}
    for chunk in _chunks(rows, calls, rows_at_once):
        target = _targets(chunk, calls, attach)
        latents, noise, sigmas = stacked(chunk)
        strengths = torch.tensor([row.strength for row in chunk])
        with attach(strengths):
            prediction = calls.predict([row.row for row in chunk], calls.noised(latents, noise, sigmas), sigmas)
            per_row = row_losses(prediction, target, len(chunk))
            weights = torch.tensor([row.weight / total for row in chunk], device=per_row.device)
            calls.backward(scale((per_row * weights).sum()))
        for row, loss in zip(chunk, per_row.tolist(), strict=True):
            losses.setdefault(row.sign, []).append(loss)
    return {sign: sum(values) / len(values) for sign, values in losses.items()}


def _chunks(rows: Sequence[TrainRow], calls: ModelCalls, rows_at_once: int) -> list[list[TrainRow]]:
    chunks = []
    for group in calls.batches([row.row for row in rows]):
        size = rows_at_once or len(group)
        chunks += [[rows[i] for i in group[start : start + size]] for start in range(0, len(group), size)]
    return chunks


def _targets(rows: Sequence[TrainRow], calls: ModelCalls, attach: Attach) -> Tensor:
    """What each row's prediction is compared with, stacked, in float32."""
    latents, noise, sigmas = stacked(rows)
    targets = list(calls.target(latents, noise, sigmas).split([row.row.size for row in rows]))
    compared = [(i, replace(row, row=row.reference)) for i, row in enumerate(rows) if row.reference is not None]
    for group in calls.batches([row.row for _, row in compared]):
        chosen = [compared[i] for i in group]
        predictions = _base_predictions([row for _, row in chosen], calls, attach)
        for (i, _), prediction in zip(chosen, predictions, strict=True):
            targets[i] = prediction
    return torch.cat(targets)


def _base_predictions(rows: Sequence[TrainRow], calls: ModelCalls, attach: Attach) -> Sequence[Tensor]:
    """The model's predictions for each row at strength 0."""
    latents, noise, sigmas = stacked(rows)
    with torch.no_grad(), attach(torch.zeros(len(rows))):
        stack = calls.predict([row.row for row in rows], calls.noised(latents, noise, sigmas), sigmas)
    return stack.float().split([row.row.size for row in rows])
