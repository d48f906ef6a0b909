"""The rows of one step: each example of a turn with its noise, its noise level and what it is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from ..data.cycle import Draw, Turn
from ..data.loss_weights import of_difference, of_mask
from .model_call import ModelCalls, Row
from .request import TrainRequest
from .timesteps import draw_levels, sigmas_at
from .words import Steering, steering


@dataclass(frozen=True)
class TrainRow:
    """One row of a step.

    Attributes:
        row: what the model sees, before noise is added.
        strength: of the slider on this row.
        sign: of the bucket, for the record of losses.
        pair: number of the turn's pair that it belongs to, neutral pictures too.
        anchor: whether the base model's prediction is the target, and not what a perfect model would predict.
        partner: index among the turn's rows of the one that this is compared with (objective `difference`).
        learned: where the row's own target counts, 0..1, broadcast over the latent; elsewhere it is the base model's
            prediction. None for everywhere.
        steering: prompts that the target is made from, in place of a picture.
    """

    row: Row
    noise: Tensor
    sigma: Tensor
    strength: float
    weight: float
    sign: int
    pair: int = 0
    anchor: bool = False
    partner: int | None = None
    learned: Tensor | None = None
    steering: Steering | None = None

    @property
    def sigmas(self) -> Tensor:
        """The noise level of each of the row's own rows."""
        return self.sigma.expand(self.row.size)


def rows_of_turn(turn: Turn, calls: ModelCalls, request: TrainRequest, generator: Generator) -> list[TrainRow]:
    """A row for each draw; draws of one pair share noise and noise level where their sizes allow."""
    shared: dict[int, tuple[Tensor, Tensor]] = {}
    spoken: dict[tuple[int, int], Steering | None] = {}
    rows = []
    for draw in turn:
        row, anchor = calls.row(draw.example), _is_anchor(draw, request)
        noise, sigma = _noise(draw, row, shared, calls, request, generator)
        weight = draw.weight * (request.anchor_weight if anchor else 1.0)
        pair = draw.pair if draw.sign else -1 - draw.pair
        learned = None if anchor else _learned(draw, turn, request.cycle.loss_weighting)
        learned = None if learned is None else learned.to(calls.device)
        if (key := (id(noise), id(draw.example))) not in spoken:
            spoken[key] = steering(draw.example, calls, generator)
        made = TrainRow(row, noise, sigma, draw.strength, weight, draw.sign, pair, anchor)
        rows.append(replace(made, learned=learned, steering=spoken[key]))
    rows = [row for row in rows if row.weight > 0]
    if request.objective == "difference":
        rows = [replace(row, partner=_partner(row, rows)) for row in rows]
    return rows


def _learned(draw: Draw, turn: Turn, weighting: str) -> Tensor | None:
    if weighting == "mask":
        return of_mask(draw.example)
    if weighting == "difference" and draw.sign:
        others = (other for other in turn if other.pair == draw.pair and other.sign == -draw.sign)
        other = next((o for o in others if o.matched or draw.matched), None)
        return None if other is None else of_difference(draw.example, other.example)
    return None


def _partner(row: TrainRow, rows: Sequence[TrainRow]) -> int | None:
    """The picture of the other sign that has this one's noise; one-sided turns, other sizes and words have none."""
    if not row.sign or row.steering is not None:
        return None
    pictures = (i for i, other in enumerate(rows) if other.steering is None and other.noise is row.noise)
    return next((i for i in pictures if rows[i].sign == -row.sign), None)


def _is_anchor(draw: Draw, request: TrainRequest) -> bool:
    return draw.sign == 0 and request.cycle.neutral == "anchor"


def _noise(
    draw: Draw,
    row: Row,
    shared: dict[int, tuple[Tensor, Tensor]],
    calls: ModelCalls,
    request: TrainRequest,
    generator: Generator,
) -> tuple[Tensor, Tensor]:
    known = shared.get(draw.pair)
    if known is not None and known[0].shape == row.latent.shape:
        return known
    noise = torch.randn(row.latent.shape, generator=generator).to(calls.device)
    level = draw_levels(1, request.noise_levels, calls.is_flow, generator)
    if _is_anchor(draw, request):
        level = level * request.anchor_below
    elif known is not None:
        return noise, known[1]
    sigma = sigmas_at(level, calls.sampling.percent_to_sigma).to(calls.device)
    shared[draw.pair] = noise, sigma
    return noise, sigma


def stacked(rows: Sequence[TrainRow]) -> tuple[Tensor, Tensor, Tensor]:
    """Latents, noise and sigmas of rows of one shape, one after the other along the first dimension."""
    latents = torch.cat([row.row.latent for row in rows])
    sigmas = torch.cat([row.sigmas for row in rows])
    return latents, torch.cat([row.noise for row in rows]), sigmas
