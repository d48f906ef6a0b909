"""How much of its concept a slider has learned, on the training's own pictures and without sampling.

For a positive and a negative picture under the same noise, e⁺ and e⁻ are the errors of the base model's predictions,
and o = (e⁺ − e⁻) / 2 is what the base model gets wrong about their difference: what the slider is there to mend. With
the slider at its training strengths, the same two predictions differ from the base model's by d⁺ and d⁻, and
d = (d⁻ − d⁺) / 2 is what it mends. The learned share is q = ⟨d, o⟩ / ⟨o, o⟩, over several pairs and noise levels: 0 for
no slider, 1 where both pictures are predicted as far apart as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..comfy_bridge.model_call import ModelCalls
from ..data.bucket import Example
from ..data.cycle import Cycle
from .rows import TrainRow, stacked
from .step import Attach
from .timesteps import draw_levels, sigmas_at

DRAWS = 64  # noise levels that the probed ones are quantiles of


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
    """Pairs under fixed noise at fixed noise levels, and what the base model gets wrong about them."""

    def __init__(self, pairs: Sequence[tuple[Side, Side]], levels: int, density: str, seed: int, calls: ModelCalls,
                 attach: Attach, at_once: int):  # fmt: skip
        generator = torch.Generator().manual_seed(seed)
        drawn = draw_levels(DRAWS, density, calls.is_flow, generator).sort().values
        chosen = drawn[(torch.arange(levels) * DRAWS + DRAWS // 2) // levels]
        self.sigmas = sigmas_at(chosen, calls.sampling.percent_to_sigma).to(calls.device)
        self.rows: list[TrainRow] = []
        for sigma in self.sigmas:
            noises: dict[Any, Tensor] = {}
            for pair in pairs:
                for side, sign in zip(pair, (+1, -1), strict=True):
                    row = calls.row(side.example)
                    if row.latent.shape not in noises:
                        noises[row.latent.shape] = torch.randn(row.latent.shape, generator=generator).to(
                            calls.device
                        )
                    noise = noises[row.latent.shape]
                    self.rows.append(TrainRow(row, noise, sigma, side.strength, 1.0, sign))
        self.at_once, self.pairs = at_once, len(pairs)
        self.base = self._predictions(calls, attach, 0.0)
        targets = [calls.target(row.row.latent, row.noise, row.sigmas).cpu() for row in self.rows]
        self.errors = [base - target for base, target in zip(self.base, targets, strict=True)]

    def _predictions(self, calls: ModelCalls, attach: Attach, scale: float) -> list[Tensor]:
        """Of every row, with the slider at `scale` times the strength of the row; float32 in main memory."""
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

    def parts(self, calls: ModelCalls, attach: Attach) -> tuple[Tensor, Tensor, Tensor]:
        """o, d and the mean change m of both sides, [levels, pairs, values]."""
        now = self._predictions(calls, attach, 1.0)
        change = [base - new for base, new in zip(self.base, now, strict=True)]
        o, d, m = [], [], []
        for i in range(0, len(self.rows), 2):
            o.append((self.errors[i] - self.errors[i + 1]).flatten() / 2)
            d.append((change[i] - change[i + 1]).flatten() / 2)
            m.append((change[i] + change[i + 1]).flatten() / 2)
        return tuple(torch.stack(x).unflatten(0, (-1, self.pairs)) for x in (o, d, m))  # type: ignore[return-value]
