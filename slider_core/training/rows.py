"""The rows of one step: each example of a turn with its noise, its noise level and what it is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from ..comfy_bridge.model_call import ModelCalls, Row
from ..data.cycle import Draw, Turn
from .request import TrainRequest
from .timesteps import draw_levels, sigmas_at


@dataclass(frozen=True)
class TrainRow:
    """One row of a step.

    Attributes:
        row: what the model sees, before noise is added.
        strength: of the slider on this row.
        sign: of the bucket, for the record of losses.
        reference: where the base model's prediction is the target, the row it is made for; else None, and the
            target is what a perfect model would predict for `row`.
    """

    row: Row
    noise: Tensor
    sigma: Tensor
    strength: float
    weight: float
    sign: int
    reference: Row | None = None


def rows_of_turn(turn: Turn, calls: ModelCalls, request: TrainRequest, generator: Generator) -> list[TrainRow]:
    """A row for each draw; draws of one pair share noise and noise level where their sizes allow."""
    shared: dict[int, tuple[Tensor, Tensor]] = {}
    rows = []
    for draw in turn:
        row = calls.row(draw.example)
        noise, sigma = _noise(draw, row, shared, calls, request, generator)
        seen, reference = _compared(draw, row, turn, calls, request)
        weight = draw.weight * (request.anchor_weight if _is_anchor(draw, request) else 1.0)
        rows.append(TrainRow(seen, noise, sigma, draw.strength, weight, draw.sign, reference))
    return [row for row in rows if row.weight > 0]


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
    level = draw_levels(1, request.density, calls.is_flow, generator)
    if _is_anchor(draw, request):
        level = level * request.anchor_below
    elif known is not None:
        return noise, known[1]
    sigma = sigmas_at(level, calls.sampling.percent_to_sigma).to(calls.device)
    shared[draw.pair] = noise, sigma
    return noise, sigma


def _compared(
    draw: Draw, row: Row, turn: Turn, calls: ModelCalls, request: TrainRequest
) -> tuple[Row, Row | None]:
    """The row that the model sees, and the row whose base prediction it should give (None: its own target)."""
    if _is_anchor(draw, request):
        return row, row
    if request.objective == "difference" and draw.sign:
        for other in turn:
            if other.pair == draw.pair and other.sign == -draw.sign and (other.matched or draw.matched):
                seen = calls.row(other.example)
                return (seen, row) if seen.latent.shape == row.latent.shape else (row, None)
    return row, None


def stacked(rows: Sequence[TrainRow]) -> tuple[Tensor, Tensor, Tensor]:
    """Latents, noise and sigmas of rows of one shape, one after the other along the first dimension."""
    latents = torch.cat([row.row.latent for row in rows])
    sigmas = torch.cat([row.sigma.expand(row.row.size) for row in rows])
    return latents, torch.cat([row.noise for row in rows]), sigmas
