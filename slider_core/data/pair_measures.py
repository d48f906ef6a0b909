"""How the pictures of pairs differ, measured on their latents, as plain functions.

A pair shows one picture with more and with less of a concept, so all pairs of a slider should differ in the same way.
Differences are compared on a coarse grid, as the concept does not lie at the very same place in every picture.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

GRID = 8  # places across and down on which differences are compared
FEW = 20  # pairs, up to which each is compared with the others only, not with all
ROUNDS = 3  # of finding what most pairs have in common
QUARTER = 0.75  # a place belongs to the concept where at least a quarter of the pairs change it


def flat_picture(latent: Tensor) -> Tensor:
    """A latent as one picture [C, H, W]: the mean of a clip's frames, a sound's length as its width."""
    picture = latent.detach().float().cpu()
    while picture.ndim > 4:
        picture = picture.mean(2)
    return (
        picture.reshape(-1, *picture.shape[-2:])
        if picture.ndim == 4
        else picture.reshape(1, -1, picture.shape[-1])
    )


def rms(values: Tensor) -> float:
    return float(values.square().mean().sqrt())


def agreement(differences: Sequence[Tensor]) -> Tensor:
    """Of each difference [C, H, W], the cosine to what the others have in common, [pairs].

    Those that agree count more in what is common, so that a few others do not bend it.
    """
    units = torch.stack([F.normalize(_on_grid(one).flatten(), dim=0) for one in differences])
    weights = torch.ones(len(units))
    for _ in range(ROUNDS):
        weighted = weights[:, None] * units
        others = F.normalize(weighted.sum(0) - weighted, dim=1)
        cosines = (units * others).sum(1)
        weights = cosines.clamp(min=0).square()
    return cosines


def outside(differences: Sequence[Tensor]) -> Tensor:
    """Of each difference, the share that lies where the others do not change, [pairs]."""
    energies = torch.stack([_on_grid(one.square().mean(0, keepdim=True))[0] for one in differences])
    shares = energies / energies.sum((1, 2), keepdim=True).clamp(min=1e-12)
    common = shares.quantile(QUARTER, dim=0)
    found = []
    for index, share in enumerate(shares):
        if len(shares) <= FEW:
            common = shares[torch.arange(len(shares)) != index].quantile(QUARTER, dim=0)
        near = F.max_pool2d(common[None, None], 3, 1, 1)[0, 0]
        found.append((share - 2 * near - 0.1 / GRID**2).clamp(min=0).sum())
    return torch.stack(found)


def motion(one: Tensor, other: Tensor) -> float:
    """The share of the difference of two pictures [C, H, W] that a small move, turn and zoom explains, 0 to 1, less
    what it would by chance.

    By least squares on the gradients of their mean, as in Lucas and Kanade's registration.
    """
    difference = (one - other).double()
    down, across = (
        torch.gradient(((one + other) / 2).double(), dim=(1, 2)) if min(one.shape[1:]) > 1 else (one, one)
    )
    height, width = one.shape[1:]
    y = torch.linspace(-1, 1, height, dtype=torch.float64)[:, None]
    x = torch.linspace(-1, 1, width, dtype=torch.float64)
    moves = torch.stack([across, down, across * x + down * y, across * y - down * x]).reshape(4, -1)
    target = difference.flatten()
    energy = float(target @ target)
    if energy <= 0:
        return 0.0
    found = torch.linalg.lstsq(moves @ moves.T, moves @ target, driver="gelsd").solution
    by_chance = len(moves) / target.numel()
    return max(0.0, float(found @ (moves @ target)) / energy - by_chance)


def apart(pictures: Sequence[Tensor]) -> float:
    """How much two pictures of one side differ, by the median over neighbours of one shape; their own spread for one
    picture."""
    pairs = [(a, b) for a, b in zip(pictures, pictures[1:], strict=False) if a.shape == b.shape]
    found = [rms(a - b) for a, b in pairs] or [2**0.5 * float(p.std()) for p in pictures]
    return float(torch.tensor(found).median())


def _on_grid(picture: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(picture, (GRID, GRID))
