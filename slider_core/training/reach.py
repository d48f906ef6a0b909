"""How far a slider has come, on the training's own pictures and without sampling.

With e the error of the base model's prediction for a row, and d what the slider takes off it at the row's strength, the
reach is ⟨d, d⟩ / ⟨d, e⟩, summed over rows: the size of the slider over the size at which, in the direction that it has,
it fits its pictures best. Below 1 more of the same would fit better, above 1 less. A row and its partner (the other
side under the same noise) count by their odd parts, (e⁺ − e⁻) / 2 and (d⁺ − d⁻) / 2: what both sides share is no part
of the concept.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Generator, Tensor

from .model_call import ModelCalls
from .request import TrainRequest
from .rows import TrainRow, at_levels, rows_of_turn, stacked
from .step import Attach, chunks, targets_of
from .timesteps import spread_levels

ROWS = 12  # of a probe, at least
HARM = 1e-3  # what a slider that takes nothing off may change, over the error, both squared


@dataclass(frozen=True)
class Turn:
    """Rows of a turn with the base model's predictions and its errors, in main memory."""

    rows: list[TrainRow]
    base: list[Tensor]
    error: list[Tensor]


class Probe:
    """Rows of a training under fixed noise at fixed noise levels."""

    def __init__(self, request: TrainRequest, calls: ModelCalls, attach: Attach, rows_at_once: int = 0):
        self.attach, self.rows_at_once = attach, rows_at_once
        self.turns = [
            self._turn(rows, calls) for rows in _at_levels(list(_rows(request, calls)), request, calls)
        ]

    def _turn(self, rows: list[TrainRow], calls: ModelCalls) -> Turn:
        base = self._predictions(rows, calls, 0.0)
        targets = targets_of(rows, calls, self.attach, self.rows_at_once)
        return Turn(rows, base, [one - target.cpu() for one, target in zip(base, targets, strict=True)])

    @torch.no_grad()
    def _predictions(self, rows: Sequence[TrainRow], calls: ModelCalls, scale: float) -> list[Tensor]:
        """Of every row, with the slider at `scale` times the row's strength; float32."""
        found: dict[int, Tensor] = {}
        for indices in chunks(rows, calls, self.rows_at_once):
            chunk = [rows[i] for i in indices]
            latents, noise, sigmas = stacked(chunk)
            with self.attach(torch.tensor([scale * row.strength for row in chunk])):
                noised = calls.noised(latents, noise, sigmas)
                stack = calls.predict([row.row for row in chunk], noised, sigmas)
            parts = stack.float().cpu().split([row.row.size for row in chunk])
            found |= dict(zip(indices, parts, strict=True))
        return [found[i] for i in range(len(rows))]

    def reach(self, calls: ModelCalls) -> float:
        """Of the slider as it is: 0 for none; NaN for one that does harm.

        The change from half the strength below 0 to half above has no prediction in common with the change from 0 to
        the strength, nor with the error: so what a model of low precision rounds does not count as the slider's size.
        """
        along, size, whole = 0.0, 0.0, 0.0
        for turn in self.turns:
            below, above, now = (self._predictions(turn.rows, calls, scale) for scale in (-0.5, 0.5, 1.0))
            change = [one - other for one, other in zip(turn.base, now, strict=True)]
            across = [one - other for one, other in zip(below, above, strict=True)]
            of_rows = (_odd(turn.rows, values) for values in (turn.error, change, across))
            for e, d, other in zip(*of_rows, strict=True):
                along += float((other * e).sum())
                size += float((d * other).sum())
                whole += float((e * e).sum())
        if not math.isfinite(size):
            return math.nan
        if along > 0:
            return max(size, 0.0) / along
        return math.nan if size > HARM * whole else 0.0


def _rows(request: TrainRequest, calls: ModelCalls) -> Iterator[list[TrainRow]]:
    """Those of the cycle's first turns, without neutral ones."""
    generator, count = Generator().manual_seed(request.seed), 0
    for turn in request.cycle.turns():
        signed = tuple(draw for draw in turn if draw.sign)
        if rows := rows_of_turn(signed, calls, request, generator):
            count += len(rows)
            yield rows
        if count >= ROWS:
            return


def _at_levels(
    turns: Sequence[list[TrainRow]], request: TrainRequest, calls: ModelCalls
) -> list[list[TrainRow]]:
    """The rows at noise levels evenly spread over those that the training draws."""
    generator = Generator().manual_seed(request.seed)
    rows = at_levels(
        [row for turn in turns for row in turn],
        calls,
        lambda count: spread_levels(count, request.noise_levels, calls.is_flow, generator),
    )
    left = iter(rows)
    return [list(islice(left, len(turn))) for turn in turns]


def _odd(rows: Sequence[TrainRow], values: Sequence[Tensor]) -> Iterator[Tensor]:
    """Half the difference of each pair of rows with one noise, positive less negative; of others their own value."""
    by_noise: dict[int, dict[int, Tensor]] = {}
    for row, value in zip(rows, values, strict=True):
        by_noise.setdefault(id(row.noise), {})[row.sign] = value
    for sides in by_noise.values():
        yield (sides[+1] - sides[-1]) / 2 if len(sides) == 2 else next(iter(sides.values()))
