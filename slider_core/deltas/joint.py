"""The low-rank deltas of a whole model: cast to the model's type in one go, their gradients handed over in one piece.

A model has hundreds of layers with deltas, so on fast cards what one layer costs beyond its arithmetic decides the time
of a training step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Variable

from .low_rank import LowRank, Matrices


class Joint:
    """The low-rank deltas of all layers."""

    def __init__(self) -> None:
        self.layers: list[LowRank] = []
        self._casts: dict[Any, Cast] = {}

    def cast(self, x: Tensor) -> Cast:
        """The matrices of all layers on the device and in the type of `x`."""
        form = (x.device, x.dtype)
        if form not in self._casts:
            with torch.inference_mode(False):  # training may come by later
                self._casts[form] = Cast(self.layers, x)
        return self._casts[form]

    def refresh(self) -> None:
        """Takes over what the deltas' own tensors are now, for the calls from here on."""
        for cast in self._casts.values():
            cast.refresh()


class Cast:
    """The matrices of all layers in one type, in one piece of memory, and their gradients in another."""

    def __init__(self, layers: Sequence[LowRank], x: Tensor):
        self._by_layer = [layer.sources(x) for layer in layers]
        self._sources = [tensor for sources in self._by_layer for tensor in sources]
        self._whole = _as_one(self._sources)
        self._sizes = [tensor.numel() for tensor in self._sources]
        self.trained = any(tensor.requires_grad for tensor in self._sources)
        self._anchor: Tensor | None = None
        self._memory = x.new_empty(sum(self._sizes))
        self.matrices = self._matrices_in(self._memory)
        self._gradients: tuple[Tensor, list[Matrices]] | None = None
        self._reached: set[int] = set()
        self.refresh()

    @torch.no_grad()
    def refresh(self) -> None:
        self._reached = set()
        for matrices in self.matrices:
            matrices.changed()
        if self._whole is not None:
            self._memory.copy_(self._whole)
        else:
            torch._foreach_copy_(self._views(self._memory), [tensor.detach() for tensor in self._sources])

    def anchor(self) -> Tensor:
        """What makes autograd come by, also where neither input nor output of a layer has a gradient."""
        if self._anchor is None:
            self._anchor = torch.zeros((), device=self._memory.device, requires_grad=True)
        return self._anchor

    def _views(self, memory: Tensor) -> list[Tensor]:
        pieces = memory.split(self._sizes)
        return [piece.view(tensor.shape) for piece, tensor in zip(pieces, self._sources, strict=True)]

    def _matrices_in(self, memory: Tensor) -> list[Matrices]:
        views = iter(self._views(memory))
        layers = [[next(views) for _ in sources] for sources in self._by_layer]
        return [Matrices(of[: len(of) // 2], of[len(of) // 2 :]) for of in layers]

    def gradients(self, index: int) -> Matrices:
        """Where the gradients of a layer's matrices are added up until the end of this backward pass."""
        if self._gradients is None:
            memory = torch.empty_like(self._memory)
            self._gradients = memory, self._matrices_in(memory)
        if not self._reached:  # the first of this backward pass
            self._gradients[0].zero_()
            Variable._execution_engine.queue_callback(self._hand_over)
        self._reached.add(index)
        return self._gradients[1][index]

    @torch.no_grad()
    def _hand_over(self) -> None:
        """Adds to each source that a backward pass has reached its gradient."""
        assert self._gradients is not None
        memory, reached, self._reached = self._gradients[0], self._reached, set()
        of_all = _as_one([tensor.grad for tensor in self._sources])
        if of_all is not None:
            of_all.add_(memory)
            return
        views = iter(self._views(memory.to(self._sources[0].dtype)))
        gradients = [
            (i in reached, source, next(views)) for i, of in enumerate(self._by_layer) for source in of
        ]
        wanted = [(s, gradient) for is_reached, s, gradient in gradients if is_reached and s.requires_grad]
        had = [(source.grad, gradient) for source, gradient in wanted if source.grad is not None]
        for source, gradient in wanted:
            if source.grad is None:
                source.grad = gradient.to(source.dtype, copy=True)
        if had:
            torch._foreach_add_(*map(list, zip(*had, strict=True)))


def _as_one(tensors: Sequence[Tensor | None]) -> Tensor | None:
    """The tensors as one of one dimension, if they follow one another in one piece of memory."""
    first = tensors[0] if tensors else None
    if first is None:
        return None
    place, end = first.untyped_storage().data_ptr(), first.storage_offset()
    for tensor in tensors:
        if tensor is None or not tensor.is_contiguous() or tensor.storage_offset() != end:
            return None
        if tensor.dtype != first.dtype or tensor.untyped_storage().data_ptr() != place:
            return None
        end += tensor.numel()
    start = first.storage_offset()
    return first.detach().as_strided((end - start,), (1,), start)
