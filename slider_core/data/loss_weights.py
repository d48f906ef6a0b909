"""Where in a picture the loss counts: where its mask is white, or where it differs from its partner."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from .bucket import Example

LOSS_WEIGHTINGS = ("none", "mask", "difference")
ELSEWHERE = 0.1  # weight of what is outside, against 1 inside
NEAR = 3  # latent pixels over which a difference is smoothed


def of_mask(example: Example) -> Tensor | None:
    """The weights of an example's mask, broadcast over its latent; None where it has none."""
    if example.mask is None:
        return None
    return _weights(example.mask, example.latent)


def of_difference(example: Example, partner: Example) -> Tensor | None:
    """The weights of both pictures of a pair, by the size of their difference; None where it has none."""
    if example.latent.shape != partner.latent.shape or example.latent.ndim < 4:
        return None
    size = (example.latent.float() - partner.latent.float()).square().mean(1).sqrt()
    frames = size.reshape(-1, 1, *size.shape[-2:])
    near = F.avg_pool2d(F.max_pool2d(frames, NEAR, 1, NEAR // 2), NEAR, 1, NEAR // 2, count_include_pad=False)[
        :, 0
    ]
    most = near.amax()
    return _weights(near / most, example.latent) if most > 0 else None


def _weights(mask: Tensor, latent: Tensor) -> Tensor:
    """Of a mask [1 or frames, h, w] in 0..1: with mean 1, so that the loss keeps its scale."""
    weights = ELSEWHERE + (1 - ELSEWHERE) * mask.detach().float()
    weights = weights / weights.mean()
    # Frames are the third dimension of a clip's latent, or the rows of one whose frames are rows.
    return weights[None, None] if latent.ndim == 5 else weights[:, None]


def missing_masks(examples: Sequence[Example]) -> int:
    """How many have no mask."""
    return sum(example.mask is None for example in examples)
