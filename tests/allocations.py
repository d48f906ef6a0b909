"""Bytes that a piece of work has allocated and that are still alive, whoever holds them."""

import gc

from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def set_aside_what_is_there() -> None:
    """What is there by now stays, and no search for garbage, or for what is new, goes through it."""
    gc.collect()
    gc.freeze()


class Allocations(TorchDispatchMode):
    """Sees every tensor that is made while it is open, in C++ as well, and which of them are still alive."""

    def __init__(self):
        super().__init__()
        self.made: dict[int, tuple[StorageWeakRef, int]] = {}

    def __enter__(self):
        set_aside_what_is_there()
        return super().__enter__()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        results = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(results):
            if isinstance(tensor, Tensor):
                storage = tensor.untyped_storage()
                self.made[storage._cdata] = StorageWeakRef(storage), storage.nbytes()
        return results

    def alive(self) -> int:
        """Bytes of those that are alive."""
        gc.collect()
        self.made = {key: made for key, made in self.made.items() if not made[0].expired()}
        return sum(size for _, size in self.made.values())
