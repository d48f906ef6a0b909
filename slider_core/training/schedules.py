"""How the learning rate rises and falls over the steps."""

from __future__ import annotations

import math


def rate_at(step: int, steps: int, schedule: str, warmup: int) -> float:
    """The factor on the learning rate at `step` of `steps` (from 0): linear warm-up, then the schedule to 0."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return falling((step - warmup) / max(1, steps - warmup), schedule)


def falling(done: float, schedule: str) -> float:
    """The factor on the learning rate when this part (0 to 1) of its fall is done."""
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * done))
    return 1 - done if schedule == "linear" else 1.0
