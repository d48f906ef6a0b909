"""That a block does the same when it runs again: the same random numbers going in, the same values coming out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

SAMPLE = 64  # numbers of a block's output that are compared


class RecomputeError(RuntimeError):
    """A block did something else in the backward pass than in the forward pass."""


class RandomState:
    """The state of torch's generators when it is made; as a context, they are in it for a while."""

    def __init__(self) -> None:
        self.cpu = torch.get_rng_state()
        on_cuda = torch.cuda.is_available() and torch.cuda.is_initialized()
        self.cuda = torch.cuda.get_rng_state() if on_cuda else None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RandomState) or (self.cuda is None) != (other.cuda is None):
            return False
        same = self.cuda is None or other.cuda is None or torch.equal(self.cuda, other.cuda)
        return same and torch.equal(self.cpu, other.cpu)

    def __enter__(self) -> None:
        self.fork = torch.random.fork_rng(devices=[] if self.cuda is None else [torch.cuda.current_device()])
        self.fork.__enter__()
        torch.set_rng_state(self.cpu)
        if self.cuda is not None:
            torch.cuda.set_rng_state(self.cuda)

    def __exit__(self, *error: Any) -> None:
        self.fork.__exit__(*error)


def samples_of(result: Any) -> list[Tensor]:
    """Some numbers of each tensor that a block returns, [SAMPLE] in float32, with its type's precision behind."""
    return [_sample(tensor) for tensor in _tensors(result)]


def _sample(tensor: Tensor) -> Tensor:
    flat = tensor.detach().reshape(-1)
    some = flat[:: max(1, len(flat) // SAMPLE)][:SAMPLE].float()
    precision = max(torch.finfo(tensor.dtype).eps, 1e-4)
    return F.pad(F.pad(some, (0, SAMPLE - len(some))), (0, 1), value=precision)


def _tensors(result: Any) -> Iterator[Tensor]:
    if isinstance(result, Tensor) and result.is_floating_point():
        yield result
    elif isinstance(result, Mapping | list | tuple):
        for item in result.values() if isinstance(result, Mapping) else result:
            yield from _tensors(item)


def check_reruns(pairs: Sequence[tuple[Tensor, Tensor]]) -> None:
    """Compares samples of first and second outputs, of many blocks at once.

    Raises:
        RecomputeError: if those of a block differ by more than rounding.
    """
    if not pairs:
        return
    first, second = (torch.stack(samples) for samples in zip(*pairs, strict=True))
    values, precision = first[:, :-1], first[:, -1]
    off = (values - second[:, :-1]).abs().mean(1) / values.abs().mean(1).clamp(min=1e-30)
    if bool((off > precision).any()):
        raise RecomputeError(
            f"a block of the model gave other values (by {float(off.max()):.1%}) when it ran again for the backward "
            "pass, so its gradient would be wrong. Something changes the model while it runs: take that node or pack "
            "off the model, or turn gradient_checkpointing off."
        )
