"""Time and memory of pieces of work, on a card or on the CPU (where memory is not measured)."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from comfy import model_management

GIB = 2**30


def on_card() -> bool:
    return bool(model_management.get_torch_device().type == "cuda")


def now() -> float:
    """Seconds, with everything asked of the card done."""
    if on_card():
        torch.cuda.synchronize()
    return time.perf_counter()


def allocated() -> float:
    """GiB that PyTorch has handed out; the weights that dynamic VRAM keeps are not among them."""
    return torch.cuda.memory_allocated() / GIB if on_card() else 0.0


def used() -> float:
    """GiB of the card that are not free, whoever holds them."""
    if not on_card():
        return 0.0
    free, total = torch.cuda.mem_get_info()
    return (total - free) / GIB


def settle() -> None:
    """Gives back what nothing holds any more, and starts a new peak."""
    gc.collect()
    if on_card():
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


class Peak:
    """The most memory while `watched`: `torch` as PyTorch counts, `card` as the driver does (looked at 50 times a
    second, and less what other processes held at the start)."""

    torch = card = 0.0

    @contextmanager
    def watched(self, others: float = 0.0) -> Iterator[Peak]:
        settle()
        done = threading.Event()

        def look() -> None:
            while not done.wait(0.02):
                self.card = max(self.card, used() - others)

        watcher = threading.Thread(target=look, daemon=True)
        if on_card():
            watcher.start()
        try:
            yield self
        finally:
            done.set()
            if on_card():
                watcher.join()
                self.torch = torch.cuda.max_memory_allocated() / GIB
