"""Where in a picture a slider learns: where its mask is white, or where it differs from its partner.

Elsewhere the base model's own prediction is the target, so that the slider leaves it alone. (To weight the loss there
less leaves the slider free to change it, and then more leaks: benchmarks/MASKS.md.)
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from .bucket import Example

NEAR = 3  # latent pixels over which a difference is smoothed
CLEAR = 0.25  # of the largest difference: from there on a place is learned whole


def of_mask(example: Example) -> Tensor | None:
    """The mask of an example in 0..1, broadcast over its latent; None where it has none."""
    return None if example.mask is None else _over(example.mask.detach().float(), example.latent)


def of_difference(example: Example, partner: Example) -> Tensor | None:
    """The same of both pictures of a pair, by the size of their difference; None where there is none to see."""
    if example.latent.shape != partner.latent.shape or example.latent.ndim < 4:
        return None
    size = (example.latent.float() - partner.latent.float()).square().mean(1).sqrt()
    frames = size.reshape(-1, 1, *size.shape[-2:])
    near = F.max_pool2d(frames, NEAR, 1, NEAR // 2)
    near = F.avg_pool2d(near, NEAR, 1, NEAR // 2, count_include_pad=False)[:, 0]
    most = near.amax()
    return _over((near / (CLEAR * most)).clamp(max=1.0), example.latent) if most > 0 else None


def _over(mask: Tensor, latent: Tensor) -> Tensor:
    """A mask [1 or frames, h, w]: frames are the third dimension of a clip's latent, or its rows."""
    return mask[None, None] if latent.ndim == 5 else mask[:, None]
