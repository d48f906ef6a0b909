"""What a forward pass keeps for its backward pass: nothing that is overwritten meanwhile, and no weight twice.

Several model families update activations in place that autograd has saved, so a tensor is copied at the moment
its memory is about to be written. Weights that ComfyUI casts, dequantises or fetches from other memory for each
use are not kept at all: the backward pass has the layer make them again.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from comfy import ops
from comfy.quant_ops import QuantizedTensor
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.overrides import TorchFunctionMode


class OverwrittenError(RuntimeError):
    """A tensor that the backward pass needs was overwritten where nobody could see it."""


class _Memory:
    """The kept tensors that share one piece of memory."""

    def __init__(self) -> None:
        self.kept: list[weakref.ref[Kept]] = []


class Kept:
    """A tensor as it is now, whatever is written to its memory later."""

    __slots__ = ("__weakref__", "_memory", "_tensor", "_version")

    def __init__(self, tensor: Tensor, memory: _Memory | None):
        self._tensor = tensor.detach() if tensor.grad_fn is not None else tensor
        self._memory, self._version = memory, tensor._version

    def copy(self) -> None:
        self._tensor = self._tensor.clone()
        self._version = self._tensor._version

    def get(self) -> Tensor:
        if self._tensor._version != self._version:
            raise OverwrittenError(
                f"a tensor of shape {tuple(self._tensor.shape)} that the backward pass needs was overwritten outside "
                "the training context. Run the whole forward pass inside `trainable`."
            )
        return self._tensor


class CopyOnWrite(TorchFunctionMode):
    """While open, tensors kept by it are copied just before a call writes to their memory."""

    def __init__(self) -> None:
        super().__init__()
        self._memories: weakref.WeakValueDictionary[int, _Memory] = weakref.WeakValueDictionary()

    def keep(self, tensor: Tensor) -> Kept:
        address = _address(tensor)
        memory = self._memories.get(address)
        if memory is None:
            self._memories[address] = memory = _Memory()
        kept = Kept(tensor, memory)
        memory.kept.append(weakref.ref(kept))
        return kept

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if getattr(func, "__name__", "") == "__setitem__" and _is_part(args[2], *args[:2]):
            return None  # the second half of `x[…] += y`, which autograd refuses on some views
        if _writes_first(func):
            args = _without_overlap(args)
        if _writes_first(func) or kwargs.get("inplace"):
            self._before_write(args[0] if args else next(iter(kwargs.values())))
        if "out" in kwargs:
            return self._write_out(func, args, **kwargs)
        return func(*args, **kwargs)

    def _write_out(self, func: Any, args: tuple, out: Any, **kwargs: Any) -> Any:
        """`func(…, out=out)`: autograd refuses `out`, so where there is a gradient the result is copied into it."""
        if not (isinstance(out, Tensor) and _differentiated(out, *args, *kwargs.values())):
            self._before_write(out)
            return func(*args, out=out, **kwargs)
        result = func(*args, **kwargs)
        self._before_write(out)
        return out.copy_(result)

    def _before_write(self, written: Any) -> None:
        for tensor in written if isinstance(written, list | tuple) else (written,):
            memory = self._memories.pop(_address(tensor), None) if isinstance(tensor, Tensor) else None
            for kept in memory.kept if memory is not None else ():
                if (alive := kept()) is not None:
                    alive.copy()


def _differentiated(*values: Any) -> bool:
    tensors = (value for value in values if isinstance(value, Tensor))
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)


def _is_part(value: Any, whole: Tensor, index: Any) -> bool:
    """Whether `value` is `whole[index]` itself, no copy of it."""
    if not isinstance(value, Tensor) or _address(value) != _address(whole):
        return False
    part = whole.detach()[index]
    return (value.data_ptr(), value.shape, value.stride()) == (part.data_ptr(), part.shape, part.stride())


def _without_overlap(args: tuple) -> tuple:
    """Arguments that share the memory of the first, which is written, copied: `x.addcmul_(x, scale)` saves x."""
    if not (args and isinstance(args[0], Tensor)):
        return args
    written = _address(args[0])
    overlaps = [isinstance(arg, Tensor) and _address(arg) == written for arg in args[1:]]
    return (args[0], *(arg.clone() if shared else arg for arg, shared in zip(args[1:], overlaps, strict=True)))


IN_PLACE = "iadd isub imul itruediv ifloordiv imod ipow iand ior ixor ilshift irshift setitem"
WRITING_METHODS = {f"__{name}__" for name in IN_PLACE.split()}


@cache
def _writes_first(func: Any) -> bool:
    """Whether a function of torch writes to its first argument: `add_`, `+=`, `x[…] = …`."""
    name = getattr(func, "__name__", "")
    return name in WRITING_METHODS or (name.endswith("_") and not name.startswith("__"))


def _address(tensor: Tensor) -> int:
    inner = tensor._qdata if isinstance(tensor, QuantizedTensor) else tensor
    return inner.untyped_storage().data_ptr()


@dataclass(frozen=True)
class Cast:
    """How a layer made the weight and bias that it computes with."""

    layer: nn.Module
    make: Callable[[], Any]


@dataclass(frozen=True)
class CastWeight:
    """A view of a weight or bias that its layer makes again when the backward pass asks for it."""

    owner: CastWeights
    cast: Cast
    index: int
    size: torch.Size
    stride: tuple[int, ...]
    offset: int

    def get(self) -> Tensor:
        whole = self.owner.make_again(self.cast)[self.index]
        return whole.as_strided(self.size, self.stride, whole.storage_offset() + self.offset)


class CastWeights:
    """Knows the weights that layers have made for their computation, and makes them again."""

    def __init__(self) -> None:
        self._live: dict[int, list[tuple[weakref.ref[Tensor], Cast, int]]] = {}
        self._in_use: tuple | None = None

    def wrapped(self, cast: Callable[..., Any]) -> Callable[..., Any]:
        """`comfy.ops.cast_bias_weight`, or a pack's function of that kind, with its results remembered."""

        def cast_bias_weight(layer: nn.Module, input: Tensor | None = None, *args: Any, **kwargs: Any) -> Any:
            self.release()
            like = None if input is None else input.new_empty(0)
            made = _plain(cast(layer, input, *args, **kwargs), input is not None)
            again = Cast(layer, lambda: _plain(cast(layer, like, *args, **kwargs), input is not None))
            for index, name in enumerate(("weight", "bias")):
                self._remember(made[index], getattr(layer, name), again, index)
            return made

        return cast_bias_weight

    def _remember(self, made: Tensor | None, own: Tensor | None, cast: Cast, index: int) -> None:
        if made is None or own is None or made is own or _address(made) == _address(own):
            return
        address = _address(made)
        reference = weakref.ref(made, lambda gone: self._forget(address, gone))
        self._live.setdefault(address, []).append((reference, cast, index))

    def _forget(self, address: int, gone: weakref.ref[Tensor]) -> None:
        left = [entry for entry in self._live.pop(address, ()) if entry[0] is not gone]
        if left:
            self._live[address] = left

    def find(self, tensor: Tensor) -> CastWeight | None:
        """The weight that `tensor` is or is a view of, if a layer has just made it."""
        for reference, cast, index in reversed(self._live.get(_address(tensor), ())):
            weight = reference()
            if weight is not None and weight.dtype == tensor.dtype and _within(tensor, weight):
                offset = int(tensor.storage_offset() - weight.storage_offset())
                return CastWeight(self, cast, index, tensor.size(), tensor.stride(), offset)
        return None

    def make_again(self, cast: Cast) -> Any:
        """Weight and bias, which stay valid until the next call of this or of `release`."""
        if self._in_use is None or self._in_use[0] is not cast:
            self.release()
            self._in_use = (cast, cast.make())
        return self._in_use[1]

    def release(self) -> None:
        """Gives the memory of the weight made last back to ComfyUI."""
        if self._in_use is not None:
            cast, made = self._in_use
            self._in_use = None
            if len(made) == 3:
                ops.uncast_bias_weight(cast.layer, *made)


def _plain(made: Any, computes: bool) -> Any:
    """Quantised weights that a layer computes with, dequantised: their own operations have no exact gradient."""
    if computes and isinstance(made[0], QuantizedTensor):
        return (made[0].dequantize(), *made[1:])
    return made


def _within(tensor: Tensor, whole: Tensor) -> bool:
    return whole.data_ptr() <= tensor.data_ptr() < whole.data_ptr() + max(1, whole.nbytes)


class SavedTensors:
    """Decides how each tensor that autograd saves is kept."""

    def __init__(self) -> None:
        self.copies, self.weights = CopyOnWrite(), CastWeights()

    def pack(self, tensor: Tensor) -> Kept | CastWeight:
        return self.weights.find(tensor) or self.copies.keep(tensor)

    @contextmanager
    def active(self) -> Iterator[None]:
        with saved_tensors_hooks(self.pack, lambda kept: kept.get()), self.copies:
            try:
                yield
            finally:
                self.weights.release()
