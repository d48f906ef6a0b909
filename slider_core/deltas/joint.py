"""The low-rank deltas of a whole model: cast to the model's type in one go, their gradients handed over in one piece.

A model has hundreds of layers with deltas, so on fast cards what one layer costs beyond its arithmetic decides the time
of a training step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Variable

from .low_rank import Factors, Matrices, Rows


class Joint:
    """The low-rank deltas of all layers, kin together."""

    def __init__(self) -> None:
        self.groups: list[list[LowRank]] = []
        self._casts: dict[Any, Cast] = {}

    def join(self, layer: LowRank) -> tuple[int, list[LowRank]]:
        """Takes a layer's deltas in; how many layers there were before, and its kin with itself."""
        index = sum(map(len, self.groups))
        if not (self.groups and layer.kin is not None and self.groups[-1][0].kin == layer.kin):
            self.groups.append([])
        self.groups[-1].append(layer)
        return index, self.groups[-1]

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


class LowRank:
    """The low-rank deltas of one layer as one.

    Args:
        joint: those of all layers; this one joins them.
        parts: of each delta the layer's rows that it changes (None: all), and what gives its matrices.
        kin: layers of the same one that follow each other may get the same input.
    """

    def __init__(
        self, joint: Joint, parts: Sequence[tuple[Rows, Callable[[Tensor], Factors]]], kin: object = None
    ):
        self.starts = [rows[0] if rows else 0 for rows, _ in parts]
        self._factors = [factors for _, factors in parts]
        self.joint, self.kin = joint, kin
        self.index, self.group = joint.join(self)

    def factors(self, x: Tensor) -> list[Factors]:
        """The matrices of each part, for an input."""
        return [factors(x) for factors in self._factors]


class Pieces:
    """Memory for the matrices of all layers, and those of each layer and of all its kin in it."""

    def __init__(self, memory: Tensor, groups: Sequence[Sequence[LowRank]], shapes: Sequence[torch.Size]):
        self.memory = memory
        pieces = memory.split([shape.numel() for shape in shapes])
        self.views = [piece.view(shape) for piece, shape in zip(pieces, shapes, strict=True)]
        self.matrices: dict[tuple[int, int], Matrices] = {}
        views = iter(self.views)
        for group in groups:
            ups, downs = ([list(islice(views, len(layer.starts))) for layer in group] for _ in range(2))
            for layer, up, down in zip(group, ups, downs, strict=True):
                self.matrices[layer.index, 1] = Matrices(layer.starts, up, down)
            if len(group) > 1 and len({up.shape for own in ups for up in own}) == 1:
                places = range(len(group))
                self.matrices[group[0].index, len(group)] = Matrices(places, sum(ups, []), sum(downs, []))


class Cast:
    """The matrices of all layers in one type, in one piece of memory, and their gradients in another."""

    def __init__(self, joint: Joint, x: Tensor):
        self._groups, sources = joint.groups, joint.sources(x)
        self._owners = [index for index, _ in sources]
        self._sources = [tensor for _, tensor in sources]
        self._whole = _as_one(self._sources)
        self.trained = any(tensor.requires_grad for tensor in self._sources)
        self._anchor: Tensor | None = None
        self._own = self._pieces(x.new_empty(sum(tensor.numel() for tensor in self._sources)))
        self._gradients: Pieces | None = None
        self._reached: set[int] = set()
        self.refresh()

    def _pieces(self, memory: Tensor) -> Pieces:
        return Pieces(memory, self._groups, [tensor.shape for tensor in self._sources])

    @torch.no_grad()
    def refresh(self) -> None:
        self._reached = set()
        if self._whole is not None:
            self._own.memory.copy_(self._whole)
        else:
            torch._foreach_copy_(self._own.views, [tensor.detach() for tensor in self._sources])

    def anchor(self) -> Tensor | None:
        """What makes autograd come by, also where neither input nor output of a layer has a gradient."""
        if self._anchor is None and self.trained:
            self._anchor = torch.zeros((), device=self._own.memory.device, requires_grad=True)
        return self._anchor

    def of(self, layers: Sequence[LowRank]) -> Matrices | None:
        """The matrices of a layer, or of all its kin where they have the same shape."""
        return self._own.matrices.get((layers[0].index, len(layers)))

    def gradients(self, layers: Sequence[LowRank]) -> Matrices:
        """Where the gradients of these matrices are added up until the end of this backward pass."""
        if self._gradients is None:
            self._gradients = self._pieces(torch.empty_like(self._own.memory))
        if not self._reached:  # the first of this backward pass
            self._gradients.memory.zero_()
            Variable._execution_engine.queue_callback(self._hand_over)
        self._reached.update(layer.index for layer in layers)
        return self._gradients.matrices[layers[0].index, len(layers)]

    @torch.no_grad()
    def _hand_over(self) -> None:
        """Adds to each source that a backward pass has reached its gradient."""
        assert self._gradients is not None
        memory, reached, self._reached = self._gradients.memory, self._reached, set()
        of_all = _as_one([tensor.grad for tensor in self._sources])
        if of_all is not None:
            of_all.add_(memory)
            return
        gradients = zip(self._owners, self._sources, self._gradients.views, strict=True)
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
