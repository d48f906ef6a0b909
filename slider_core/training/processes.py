"""The processes of a training: one, unless torchrun has started several (see `launched`).

A step's pictures are shared out among them: each takes whole pairs, its gradient is the sum over its own rows of the
mean over all, and the sum of all processes' gradients is what one process would have had.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TypeVar

from torch import Tensor

from .request import TrainRequest
from .rows import TrainRow

T = TypeVar("T")
LOST = "Another process of this training is gone, or does not answer. The same command goes on where it was."


class LostError(RuntimeError):
    """Another process of the training does not answer any more."""


class OtherError(RuntimeError):
    """Another process of the training has failed, and says why."""


class Processes:
    """A process among `count`; this one is alone.

    Attributes:
        number: its own, from 0.
        lost: whether another one is gone, so that nothing can be done together any more.
    """

    number, count, lost = 0, 1, False

    @property
    def first(self) -> bool:
        """Whether it is the one that writes and tells."""
        return self.number == 0

    def together(self) -> AbstractContextManager[None]:
        """What raises inside it in one process ends it in all, when each has come to its end; not to be nested.

        Raises:
            OtherError, KeyboardInterrupt: if another process has failed, or was cancelled.
            LostError: if another process does not answer.
        """
        return nullcontext()

    def ending(self) -> AbstractContextManager[None]:
        """`together` while there are others."""
        return nullcontext() if self.lost else self.together()

    def from_first(self, make: Callable[[], T]) -> T:
        """What the first process makes, in all."""
        return make()

    def check_alike(self, request: TrainRequest) -> None:
        """Raises RequestError if not all were asked for the same training."""

    def add_up(self, gradient: Tensor) -> None:
        """Puts the sum over all processes in its place."""

    def mean_losses(self, losses: Mapping[int, float], counts: Mapping[int, int]) -> dict[int, float]:
        """The mean loss by sign over the rows of all processes, from this one's means and numbers of rows."""
        return dict(losses)

    def close(self) -> None:
        """When nothing is done together any more."""

    def own(self, rows: Sequence[TrainRow]) -> list[TrainRow]:
        """This process's rows: whole pairs, so that rows which are compared stay together."""
        places = {old: new for new, old in enumerate(self._own(rows))}
        own = [rows[old] for old in places]
        return [
            replace(row, partner=row.partner if row.partner is None else places[row.partner]) for row in own
        ]

    def _own(self, rows: Sequence[TrainRow]) -> list[int]:
        return [index for index, row in enumerate(rows) if row.pair % self.count == self.number]


ALONE = Processes()


def uneven(batch_size: int, count: int) -> str:
    """Why so many processes cannot share the pictures of a step; empty if they can."""
    if batch_size % count == 0:
        return ""
    return (
        f"batch_size is {batch_size}, the pictures per sign and step of all processes together, and {count} processes "
        f"cannot share them evenly. Set batch_size to {count} or a multiple of it"
        + (f", or start {_divisors(batch_size)} processes." if batch_size > 1 else ", or start one process.")
    )


def _divisors(number: int) -> str:
    return " or ".join(str(n) for n in range(1, number + 1) if number % n == 0)
