"""All trainable numbers in one piece of memory, so that what is done to all of them takes one operation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class FlatParameters:
    """Parameters that lie one after the other in memory, as do their gradients.

    Attributes:
        whole: all of them as one parameter of one dimension; what changes it changes them.
    """

    def __init__(self, parameters: Sequence[nn.Parameter]):
        with torch.no_grad():
            self.whole = nn.Parameter(torch.cat([parameter.reshape(-1) for parameter in parameters]))
        self.whole.grad = torch.zeros_like(self.whole)
        sizes = [parameter.numel() for parameter in parameters]
        pieces, gradients = self.whole.detach().split(sizes), self.whole.grad.split(sizes)
        for parameter, piece, gradient in zip(parameters, pieces, gradients, strict=True):
            parameter.data, parameter.grad = piece.view(parameter.shape), gradient.view(parameter.shape)

    @property
    def gradient(self) -> Tensor:
        assert self.whole.grad is not None
        return self.whole.grad

    def zero_gradient(self) -> None:
        self.gradient.zero_()
