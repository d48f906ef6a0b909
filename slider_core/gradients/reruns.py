"""That a block does the same when it runs again: the same random numbers going in, the same values coming out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

SAMPLE = 64  # numbers of a block's output that are compared


class RecomputeError(RuntimeError):
    """A block did something else in the backward pass than in the forward pass."""


def check_shapes(first: Sequence[torch.Size], second: Sequence[torch.Size]) -> None:
    """Compares the shapes of what autograd saved of a block's first and second run.

    Raises:
        RecomputeError: if they differ.
    """
    if list(first) == list(second):
        return
    pairs = zip(first, second, strict=False)
    example = next((f", of shapes {tuple(a)} and {tuple(b)}" for a, b in pairs if a != b), "")
    raise RecomputeError(
        f"a block saved {len(first)} tensors in the forward pass and {len(second)} when it ran again{example}. Run the "
        "backward pass inside the same `attached` as the forward pass."
    )


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
    """At most SAMPLE numbers of each tensor that a block returns."""
    return [_sample(tensor) for tensor in _tensors(result)]


def _sample(tensor: Tensor) -> Tensor:
    flat = tensor.detach().reshape(-1)
    return flat[:: max(1, len(flat) // SAMPLE)][:SAMPLE].clone()


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
    alike: dict[Any, list[tuple[Tensor, Tensor]]] = {}
    for first, second in pairs:
        alike.setdefault((first.dtype, first.shape), []).append((first, second))
    off = max((_difference(of_form) for of_form in alike.values()), default=0.0)
    if off > 1:
        raise RecomputeError(
            f"a block of the model gave other values ({off:.0f} times the rounding of its type) when it ran again for "
            "the backward pass, so its gradient would be wrong. Something changes the model while it runs: take that "
            "node or pack off the model, or turn gradient_checkpointing off."
        )


def _difference(pairs: Sequence[tuple[Tensor, Tensor]]) -> float:
    """The largest mean difference of a pair, in parts of what rounding explains."""
    first, second = (torch.stack(samples).float() for samples in zip(*pairs, strict=True))
    explained = max(torch.finfo(pairs[0][0].dtype).eps, 1e-4)
    off = (first - second).abs().mean(1) / first.abs().mean(1).clamp(min=1e-30)
    return float(off.max()) / explained
