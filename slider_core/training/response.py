"""How far a slider has come, on the training's own pictures and without sampling.

For a positive and a negative picture under the same noise, e⁺ and e⁻ are the errors of the base model's predictions,
and o = (e⁺ − e⁻) / 2 is what the base model gets wrong about their difference: what the slider is there to mend. With
the slider at its training strengths, the two predictions move by d⁺ and d⁻, and d = (d⁻ − d⁺) / 2 is what it mends.
The reach is ⟨d, d⟩ / ⟨d, o⟩ over several pairs and noise levels: the size of the slider over the size at which, in
the direction that it has, it fits the pictures best. Below 1 more of the same would fit better, above 1 less.

On the demo's model a reach of 0.9 to 1 puts ±1 at 70 to 105 % of the pictures' span, for every concept, kind, preset,
rank, and with pairs or without; ⟨d, o⟩ / ⟨o, o⟩ there is anything from 0.05 to 0.5 (benchmarks/SLIDERS.md).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from ..comfy_bridge.model_call import ModelCalls
from ..data.bucket import Example
from ..data.cycle import Cycle
from .request import RequestError, TrainRequest
from .rows import TrainRow, stacked
from .step import Attach
from .timesteps import draw_levels, sigmas_at

DRAWS = 64  # noise levels that the probed ones are quantiles of
PAIRS, LEVELS = (
    4,
    3,
)  # of a probe; the reach at high noise is smaller than at low, so other levels are another measure
HARM = 1e-3  # what a slider that mends nothing may change, over what is wrong, both squared


@dataclass(frozen=True)
class Side:
    """A picture and the strength that it is trained at."""

    example: Example
    strength: float


def pairs_of(cycle: Cycle, most: int) -> list[tuple[Side, Side]]:
    """Up to `most` positive and negative pictures that are compared; without pairs, those of one rank."""
    found = [(_side(cycle, one), _side(cycle, other)) for one, other in cycle.pairs.items()]
    if not found:
        more, less = (
            [Side(example, bucket.strength or 0.0) for bucket in cycle.buckets if bucket.sign == sign
             for example in bucket.examples]
            for sign in (+1, -1)
        )  # fmt: skip
        found = list(zip(more, less, strict=False))
    return [pair for pair in found if pair[0].example.latent.shape == pair[1].example.latent.shape][:most]


def _side(cycle: Cycle, place: tuple[int, int]) -> Side:
    bucket = cycle.buckets[place[0]]
    return Side(bucket.examples[place[1]], bucket.strength or 0.0)


class Probe:
    """Pairs under fixed noise at fixed noise levels, and what the base model gets wrong about them.

    Args:
        pairs: of pictures of one size each.
        at_once: rows of one model call.
    """

    def __init__(
        self,
        pairs: Sequence[tuple[Side, Side]],
        levels: Sequence[float],
        seed: int,
        calls: ModelCalls,
        attach: Attach,
        at_once: int,
    ):
        generator = torch.Generator().manual_seed(seed)
        sigmas = sigmas_at(torch.tensor(levels), calls.sampling.percent_to_sigma).to(calls.device)
        self.rows = [row for sigma in sigmas for row in _rows(pairs, sigma, calls, generator)]
        self.pairs, self.at_once = len(pairs), at_once
        self.base = self._predictions(calls, attach, 0.0)
        perfect = (calls.target(row.row.latent, row.noise, row.sigmas).cpu() for row in self.rows)
        errors = [base - target for base, target in zip(self.base, perfect, strict=True)]
        self.wrong = _odd(errors)

    def _predictions(self, calls: ModelCalls, attach: Attach, scale: float) -> list[Tensor]:
        """Of every row, with the slider at `scale` times the strength of the row; float32, in main memory."""
        found: dict[int, Tensor] = {}
        for group in calls.batches([row.row for row in self.rows]):
            for start in range(0, len(group), self.at_once):
                indices = group[start : start + self.at_once]
                chunk = [self.rows[i] for i in indices]
                latents, noise, sigmas = stacked(chunk)
                strengths = torch.tensor([scale * row.strength for row in chunk])
                with torch.no_grad(), attach(strengths):
                    stack = calls.predict(
                        [row.row for row in chunk], calls.noised(latents, noise, sigmas), sigmas
                    )
                parts = stack.float().cpu().split([row.row.size for row in chunk])
                found |= dict(zip(indices, parts, strict=True))
        return [found[i] for i in range(len(self.rows))]

    def parts(self, calls: ModelCalls, attach: Attach) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """o, d and the mean change of both sides, for each noise level and pair."""
        now = self._predictions(calls, attach, 1.0)
        change = [base - new for base, new in zip(self.base, now, strict=True)]
        even = [(one + other) / 2 for one, other in zip(change[::2], change[1::2], strict=True)]
        return self.wrong, _odd(change), even

    def reach(self, calls: ModelCalls, attach: Attach) -> float:
        """0 for no slider; NaN for one that does more harm than good."""
        wrong, mended, _ = self.parts(calls, attach)
        along = sum(float((o * d).sum()) for o, d in zip(wrong, mended, strict=True))
        size = sum(float((d * d).sum()) for d in mended)
        if along > 0:
            return size / along
        return math.nan if size > HARM * sum(float((o * o).sum()) for o in wrong) else 0.0


def _rows(
    pairs: Sequence[tuple[Side, Side]], sigma: Tensor, calls: ModelCalls, generator: Generator
) -> list[TrainRow]:
    """Both rows of each pair, pictures of one size under the same noise."""
    noises: dict[Any, Tensor] = {}
    rows = []
    for side, sign in ((side, sign) for pair in pairs for side, sign in zip(pair, (+1, -1), strict=True)):
        row = calls.row(side.example)
        shape = row.latent.shape
        if shape not in noises:
            noises[shape] = torch.randn(shape, generator=generator).to(calls.device)
        rows.append(TrainRow(row, noises[shape], sigma, side.strength, 1.0, sign))
    return rows


def _odd(of_rows: Sequence[Tensor]) -> list[Tensor]:
    return [(more - less) / 2 for more, less in zip(of_rows[::2], of_rows[1::2], strict=True)]


def probed_levels(density: str, is_flow: bool, count: int = LEVELS) -> list[float]:
    """Noise levels evenly spread over those that a training with this density draws."""
    drawn = draw_levels(DRAWS, density, is_flow, torch.Generator().manual_seed(0)).sort().values.tolist()
    return [drawn[(2 * i + 1) * DRAWS // (2 * count)] for i in range(count)]


def probe_of(request: TrainRequest, calls: ModelCalls, attach: Attach, at_once: int) -> Probe:
    """The probe of a training.

    Raises:
        RequestError: if no positive picture has a negative one of its size.
    """
    pairs = pairs_of(request.cycle, PAIRS)
    if not pairs:
        raise RequestError(
            "The learning rate is found by comparing positive with negative pictures, but no two of them have the same "
            "size. Add pictures on both sides of one size, or set the learning rate by hand."
        )
    return Probe(pairs, probed_levels(request.density, calls.is_flow), request.seed, calls, attach, at_once)
