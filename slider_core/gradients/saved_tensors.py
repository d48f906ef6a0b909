"""What a forward pass keeps for its backward pass: nothing that is overwritten meanwhile, and no weight twice.

Several model families update activations in place that autograd has saved, so a tensor is copied at the moment
its memory is about to be written. Weights that ComfyUI casts, dequantises or fetches from other memory for each
use are not kept at all: the backward pass has the layer make them again.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.overrides import TorchFunctionMode

from .cast_weights import CastWeight, CastWeights, address_of
from .reruns import check_reruns

LARGE = 2**20  # bytes from which it pays to have a tensor wait in main memory


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


class Elsewhere:
    """A tensor as it is now, copied to main memory."""

    def __init__(self, tensor: Tensor):
        self._device = tensor.device
        self._copy = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=tensor.is_cuda)
        self._copy.copy_(tensor.detach(), non_blocking=True)

    def get(self) -> Tensor:
        return self._copy.to(self._device, non_blocking=True)


class CopyOnWrite(TorchFunctionMode):
    """While open, tensors kept by it are copied just before a call writes to their memory.

    Attributes:
        acted: whether any call so far needed it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._memories: weakref.WeakValueDictionary[int, _Memory] = weakref.WeakValueDictionary()
        self.acted = False

    def keep(self, tensor: Tensor) -> Kept:
        address = address_of(tensor)
        memory = self._memories.get(address)
        if memory is None:
            self._memories[address] = memory = _Memory()
        kept = Kept(tensor, memory)
        memory.kept.append(weakref.ref(kept))
        return kept

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__name__", "") == "__setitem__" and _is_part(args[2], *args[:2]):
            self.acted = True
            return None  # the second half of `x[…] += y`, which autograd refuses on some views
        if _writes_first(func):
            args = self._without_overlap(args)
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
        self.acted = True
        result = func(*args, **kwargs)
        self._before_write(out)
        return out.copy_(result)

    def _before_write(self, written: Any) -> None:
        for tensor in written if isinstance(written, list | tuple) else (written,):
            memory = self._memories.pop(address_of(tensor), None) if isinstance(tensor, Tensor) else None
            for kept in memory.kept if memory is not None else ():
                if (alive := kept()) is not None:
                    alive.copy()
                    self.acted = True

    def _without_overlap(self, args: tuple) -> tuple:
        """Arguments that share the memory of the first, which is written, copied: `x.addcmul_(x, scale)` saves x."""
        if not (args and isinstance(args[0], Tensor)):
            return args
        written = address_of(args[0])
        overlaps = [isinstance(arg, Tensor) and address_of(arg) == written for arg in args[1:]]
        self.acted = self.acted or any(overlaps)
        return (
            args[0],
            *(arg.clone() if shared else arg for arg, shared in zip(args[1:], overlaps, strict=True)),
        )


def _differentiated(*values: Any) -> bool:
    tensors = (value for value in values if isinstance(value, Tensor))
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)


def _is_part(value: Any, whole: Tensor, index: Any) -> bool:
    """Whether `value` is `whole[index]` itself, no copy of it."""
    if not isinstance(value, Tensor) or address_of(value) != address_of(whole):
        return False
    part = whole.detach()[index]
    return (value.data_ptr(), value.shape, value.stride()) == (part.data_ptr(), part.shape, part.stride())


IN_PLACE = "iadd isub imul itruediv ifloordiv imod ipow iand ior ixor ilshift irshift setitem"
WRITING_METHODS = {f"__{name}__" for name in IN_PLACE.split()}


@cache
def _writes_first(func: Any) -> bool:
    """Whether a function of torch writes to its first argument: `add_`, `+=`, `x[…] = …`."""
    name = getattr(func, "__name__", "")
    in_place = name.endswith("_") and not name.startswith("__") and name != "requires_grad_"
    return name in WRITING_METHODS or in_place


class SavedTensors:
    """How each tensor that autograd saves is kept.

    Attributes:
        careful: whether writes are watched. A whole step in which no tensor had to be copied turns it off, for a
            model's steps are alike; a later write to a kept tensor is then refused, and the step taken again with care.
        offload: whether what blocks are given waits for their second run in main memory.
        reruns: of each output of blocks that ran again, a sample of the first time and of the second.
    """

    def __init__(self) -> None:
        self.copies, self.weights = CopyOnWrite(), CastWeights()
        self.careful, self.offload = True, False
        self.reruns: list[tuple[Tensor, Tensor]] = []

    def pack(self, tensor: Tensor) -> Kept | CastWeight:
        return self.weights.find(tensor) or self.keep(tensor)

    def keep(self, tensor: Tensor) -> Kept:
        return self.copies.keep(tensor) if self.careful else Kept(tensor, None)

    def keep_input(self, tensor: Tensor) -> Kept | Elsewhere:
        """As `keep`, for what a block is given. What has no gradient is given to many, and stays."""
        large = tensor.requires_grad and tensor.nbytes >= LARGE
        return Elsewhere(tensor) if self.offload and large else self.keep(tensor)

    def watched(self) -> AbstractContextManager[Any]:
        """Watches writes in this thread, where that is needed."""
        return self.copies if self.careful else nullcontext()

    @contextmanager
    def active(self) -> Iterator[None]:
        """Around one or more whole steps, forward and backward."""
        with ExitStack() as stack:
            stack.callback(self.weights.forget_gone)
            stack.callback(self.weights.release)
            stack.callback(self.reruns.clear)
            if self.careful or self.weights.seen:
                stack.enter_context(saved_tensors_hooks(self.pack, lambda kept: kept.get()))
            stack.enter_context(self.watched())
            yield
            check_reruns(self.reruns)
            self.careful = self.careful and self.copies.acted
