"""The change of the whole weight that an adapter makes, written out."""

from __future__ import annotations

import torch
from torch import Tensor

from ..layers import at_rows, bare_layer, weight_rows
from .base import Adapter


@torch.no_grad()
def difference(adapter: Adapter, chunk: int = 1024) -> Tensor:
    """The change of the weight at strength 1, [rows, columns, *kernel]: the adapter's answer to unit inputs.

    The layer's own answer to the unit inputs is its weight.
    """
    weight = weight_rows(adapter.layer, None)
    stand_in, training, ones = bare_layer(weight), adapter.training, adapter.shape.ones
    adapter.eval()
    answers = []
    for start in range(0, weight[0].numel(), chunk):
        y = weight.flatten(1)[:, start : start + chunk].T
        x = torch.eye(len(y), weight[0].numel(), device=weight.device).roll(start, 1)
        x, y = x.reshape(len(y), *weight.shape[1:]), y.reshape(len(y), len(weight), *ones)
        y = at_rows(y, stand_in, adapter.rows)
        scale = torch.ones(len(x), *[1] * (x.ndim - 1), device=x.device)
        still = adapter.addition(x[:1] * 0, y[:1] * 0, stand_in, scale[:1])
        answers.append((adapter.addition(x, y, stand_in, scale) - still).flatten(1))
    adapter.train(training)
    return torch.cat(answers).T.reshape(adapter.shape.full).contiguous()
