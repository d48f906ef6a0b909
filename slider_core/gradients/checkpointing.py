"""Gradient checkpointing: each block of a model runs again in the backward pass, and keeps only its inputs.

The second run must do what the first did, so the adapters must still be attached: run the backward pass inside
`attached` (the training step does). A difference between the runs is noticed and raised, never used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from copy import copy
from typing import Any

import torch
from comfy.ops import CastWeightBiasOp
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from ..architectures.quirks import is_copied, is_opened
from ..replaced import replaced
from .cast_weights import CastWeight
from .reruns import RandomState, RecomputeError, check_shapes, samples_of
from .saved_tensors import Kept, SavedTensors

CONTAINERS = (nn.ModuleList, nn.ModuleDict, nn.Sequential)


@contextmanager
def checkpointed(modules: Iterable[nn.Module], saved: SavedTensors) -> Iterator[None]:
    """While open, calls of the modules keep their inputs alone and run again in the backward pass."""
    with ExitStack() as stack:
        for block in modules:
            stack.enter_context(replaced(block, "forward", _checkpointing(block.forward, saved)))
        yield


def blocks(model: nn.Module) -> Iterator[nn.Module]:
    """The repeated parts of a model: what its lists hold, down to the blocks in those that are `opened`."""
    for child in model.children():
        if isinstance(child, CONTAINERS):
            yield from _blocks_in(child)
        else:
            yield from blocks(child)


def _blocks_in(container: nn.Module) -> Iterator[nn.Module]:
    for element in container.children():
        if isinstance(element, CONTAINERS):
            yield from _blocks_in(element)
        elif is_opened(element):
            yield from blocks(element)
        elif any(True for _ in element.children()):
            yield element


def unpacking_layers(model: nn.Module) -> Iterator[nn.Module]:
    """Layers of packs that unpack a quantised weight in their own forward: autograd would keep each, unpacked."""
    for layer in model.modules():
        weight = getattr(layer, "weight", None)
        packed = isinstance(weight, Tensor) and not weight.is_floating_point()
        if packed and not isinstance(layer, CastWeightBiasOp) and not hasattr(layer, "cast_bias_weight"):
            yield layer


def _checkpointing(forward: Callable[..., Any], saved: SavedTensors) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        if not torch.is_grad_enabled():
            return forward(*args, **kwargs)
        call = _Call(forward, args, kwargs, saved)
        with saved_tensors_hooks(call.pack, call.unpack):
            result = forward(*args, **kwargs)
        call.done(result)
        return result

    return run


class _Call:
    """One call of a block: what it takes to run it again, and, once it has, the tensors that autograd saves."""

    def __init__(self, forward: Callable[..., Any], args: tuple, kwargs: dict, saved: SavedTensors):
        self.forward, self.saved = forward, saved
        self.inputs = _mapped((args, kwargs), lambda tensor: _Input(tensor, saved))
        self.random: RandomState | None = RandomState()
        self.shapes: list[torch.Size] = []
        self.again: dict[int, Kept | CastWeight] = {}

    def done(self, result: Any) -> None:
        """Notes what the first run gave, and forgets the random state that it did not use."""
        self.samples = samples_of(result)
        if self.random == RandomState():
            self.random = None

    def pack(self, tensor: Tensor) -> int:
        self.shapes.append(tensor.shape)
        return len(self.shapes) - 1

    def unpack(self, index: int) -> Tensor:
        if index not in self.again:
            self._run_again()
        return self.again.pop(index).get()

    def _run_again(self) -> None:
        kept: list[Kept | CastWeight] = []
        shapes: list[torch.Size] = []

        def pack(tensor: Tensor) -> None:
            kept.append(self.saved.pack(tensor))
            shapes.append(tensor.shape)

        with (
            torch.enable_grad(),
            self.random or nullcontext(),
            saved_tensors_hooks(pack, _no_backward),
            self.saved.watched(),
        ):
            args, kwargs = _mapped(self.inputs, _Input.get, of=_Input)
            result = self.forward(*args, **kwargs)
        check_shapes(self.shapes, shapes)
        self.saved.reruns += zip(self.samples, samples_of(result), strict=True)
        self.again = dict(enumerate(kept))


class _Input:
    """A tensor that a block was given, for the second run."""

    def __init__(self, tensor: Tensor, saved: SavedTensors):
        self.kept, self.saved = saved.keep_input(tensor), saved
        self.requires_grad = tensor.requires_grad

    def get(self) -> Tensor:
        """A copy where blocks write to what they are given: the graph of the second run must not stay on it."""
        tensor = self.kept.get()
        if self.requires_grad:
            tensor = tensor.detach().requires_grad_()
        return tensor.clone() if self.saved.careful else tensor


def _mapped(value: Any, function: Callable[[Any], Any], of: type = Tensor) -> Any:
    """`value` with `function` applied to what is an `of` in it; lists, tuples and dicts are copied.

    So is, with its dicts, what the blocks of some models make for one another: a block adds to it in each run.
    """
    if isinstance(value, of):
        return function(value)
    if type(value) is dict:
        return {key: _mapped(item, function, of) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_mapped(item, function, of) for item in value)
    if is_copied(value):
        value = copy(value)
        vars(value).update({name: dict(own) for name, own in vars(value).items() if type(own) is dict})
    return value


def _no_backward(kept: None) -> Tensor:
    raise RecomputeError("a block's second run has no backward pass of its own")
