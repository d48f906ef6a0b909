"""The low-rank deltas of a whole model: cast to the model's type in one go, their gradients handed over in one piece.

A model has hundreds of layers with deltas, so on fast cards what one layer costs beyond its arithmetic decides the time
of a training step.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Variable

from .low_rank import LowRank, Matrices


class Joint:
    """The low-rank deltas of all layers, kin together."""

    def __init__(self) -> None:
        self.groups: list[list[LowRank]] = []
        self._casts: dict[Any, Cast] = {}

    def join(self, layer: LowRank) -> int:
        """Takes a layer's deltas in; how many layers there were before."""
        index = sum(map(len, self.groups))
        if layer.kin is not None and self.groups and self.groups[-1][0].kin == layer.kin:
            self.groups[-1].append(layer)
        else:
            self.groups.append([layer])
        return index

    def sources(self, x: Tensor) -> list[tuple[int, Tensor]]:
        """The matrices of all layers, with the layer's index, in the order in which they lie in one piece."""
        found = []
        for group in self.groups:
            factors = [(layer.index, own) for layer in group for own in layer.factors(x)]
            found += [(index, own.up) for index, own in factors] + [(index, own.down) for index, own in factors]
        return found

    def cast(self, x: Tensor) -> Cast:
        """The matrices of all layers on the device and in the type of `x`."""
        form = (x.device, x.dtype)
        if form not in self._casts:
            with torch.inference_mode(False):  # training may come by later
                self._casts[form] = Cast(self, x)
        return self._casts[form]

    def refresh(self) -> None:
        """Takes over what the deltas' own tensors are now, for the calls from here on."""
        for cast in self._casts.values():
            cast.refresh()


class Cast:
    """The matrices of all layers in one type, in one piece of memory, and their gradients in another.

    Attributes:
        ranks: for each layer, by layer, the ranks of its parts and of those of its kin behind it in its `downs`.
    """

    def __init__(self, joint: Joint, x: Tensor):
        self._parts = [[len(layer.rows) for layer in group] for group in joint.groups]
        sources = joint.sources(x)
        self._owners = [index for index, _ in sources]
        self._sources = [tensor for _, tensor in sources]
        self._whole = _as_one(self._sources)
        self._sizes = [tensor.numel() for tensor in self._sources]
        self.trained = any(tensor.requires_grad for tensor in self._sources)
        self._anchor: Tensor | None = None
        self._memory = x.new_empty(sum(self._sizes))
        self.matrices = self._matrices_in(self._memory)
        self.ranks = self._ranks_by_layer()
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
        views, found = iter(self._views(memory)), []
        for parts in self._parts:
            ups, downs = ([list(islice(views, count)) for count in parts] for _ in range(2))
            ranks = [sum(map(len, own)) for own in downs]
            for place, (up, down) in enumerate(zip(ups, downs, strict=True)):
                found.append(Matrices(up, down, sum(ranks[place + 1 :])))
        return found

    def _ranks_by_layer(self) -> list[dict[int, list[slice]]]:
        found, index = [], 0
        for parts in self._parts:
            for place in range(len(parts)):
                start, of_kin = 0, {}
                for other in range(index + place, index + len(parts)):
                    own = self.matrices[other].ranks
                    of_kin[other] = [slice(start + ranks.start, start + ranks.stop) for ranks in own]
                    start += own[-1].stop
                found.append(of_kin)
            index += len(parts)
        return found

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
        gradients = zip(
            self._owners, self._sources, self._views(memory.to(self._sources[0].dtype)), strict=True
        )
        wanted = [(source, own) for i, source, own in gradients if i in reached and source.requires_grad]
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
