"""Several processes that train one slider, each on its own device: torch.distributed, started by torchrun."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from comfy.model_management import InterruptProcessingException
from torch import Tensor

from ..data.cycle import SIGNS
from ..settings import LoopSettings, settings_of
from .fit import OpenAgain
from .meeting import AGAIN, CANCELLED, DONE, FAILED, Meeting
from .processes import ALONE, LOST, LostError, OtherError, Processes, T, uneven
from .request import RequestError, TrainRequest

PATIENCE = timedelta(seconds=40)  # a process that says nothing for so long is taken for dead
STARTING = timedelta(minutes=10)  # from the first process that is ready to the last


def launched() -> bool:
    """Whether torchrun has started this process, with others."""
    return dist.is_available() and dist.is_torchelastic_launched() and int(os.environ["WORLD_SIZE"]) > 1


class Launched(Processes):
    """The processes that torchrun has started, on one host or several.

    Args:
        device: that this one trains on; gradients go through its own backend (NCCL on NVIDIA cards).
    """

    def __init__(self, device: torch.device):
        dist.init_process_group("gloo", timeout=STARTING)
        self.number, self.count, self.device = dist.get_rank(), dist.get_world_size(), device
        self._meetings, self._serial = dist.new_group(timeout=PATIENCE), 0
        self._check_devices()
        backend = dist.get_default_backend_for_device(device.type)
        self._gradients = dist.new_group(timeout=PATIENCE, backend=backend)

    def _check_devices(self) -> None:
        kinds = self._gathered(self.device.type)
        if len(set(kinds)) > 1:
            raise RequestError(
                f"Of {self.count} processes {kinds.count('cpu')} have no device of their own. Start as many on each "
                "host as it has devices (--nproc-per-node)."
            )

    def close(self) -> None:
        """Leaves the others, when all are done."""
        if not self.lost:
            dist.destroy_process_group()

    @contextmanager
    def together(self) -> Iterator[None]:
        if self.lost:
            raise LostError(LOST)
        self._serial += 1
        meeting = Meeting(self._meetings, self.number, self.count, self._serial)
        try:
            yield
        except BaseException as error:
            self._end(meeting, _state_of(error), f"{error or type(error).__name__}")
            raise
        self._end(meeting, DONE, "")

    def _end(self, meeting: Meeting, own: int, reason: str) -> None:
        """Raises what another process has come to, where that is worse than what this one has."""
        try:
            worst = max(meeting.end(own))
            reasons = self._gathered(reason if own == FAILED else "") if worst == FAILED else []
        except BaseException as error:
            self.lost = True
            if own == DONE or not isinstance(error, Exception):
                raise
            return
        if worst > own:
            raise OpenAgain if worst == AGAIN else KeyboardInterrupt if worst == CANCELLED else _told(reasons)

    @contextmanager
    def _answered(self) -> Iterator[None]:
        """While open, what torch.distributed raises means that another process is gone."""
        try:
            yield
        except RuntimeError as error:
            self.lost = True
            raise LostError(LOST) from error

    def _gathered(self, own: Any) -> list[Any]:
        everyones: list[Any] = [None] * self.count
        with self._answered():
            dist.all_gather_object(everyones, own, group=self._meetings)
        return everyones

    def from_first(self, make: Callable[[], T]) -> T:
        made: list[Any] = [None]
        with self.together():
            if self.first:
                made[0] = make()
        with self._answered():
            dist.broadcast_object_list(made, src=0)
        result: T = made[0]
        return result

    def check_alike(self, request: TrainRequest) -> None:
        if fault := uneven(request.cycle.batch_size, self.count):
            raise RequestError(fault)
        wanted = self._gathered(_outline(request))
        for number, outline in enumerate(wanted):
            if different := [part for part, value in wanted[0].items() if outline.get(part) != value]:
                raise RequestError(
                    f"Process {number} has other {' and '.join(different)} than process 0. Every host needs the same "
                    "config and the same files."
                )

    def add_up(self, gradient: Tensor) -> None:
        with self._answered():
            dist.all_reduce(gradient, group=self._gradients)

    def mean_losses(self, losses: Mapping[int, float], counts: Mapping[int, int]) -> dict[int, float]:
        sums = torch.tensor(
            [[losses.get(sign, 0.0) * counts.get(sign, 0), counts.get(sign, 0)] for sign in SIGNS],
            dtype=torch.float64,
        )
        with self._answered():
            dist.all_reduce(sums, group=self._meetings)
        return {sign: total / count for sign, (total, count) in zip(SIGNS, sums.tolist(), strict=True) if count}


def processes_here(device: torch.device) -> Processes:
    """The processes that torchrun has started, or this one alone."""
    return Launched(device) if launched() else ALONE


def _state_of(error: BaseException) -> int:
    if isinstance(error, OpenAgain):
        return AGAIN
    return CANCELLED if isinstance(error, KeyboardInterrupt | InterruptProcessingException) else FAILED


def _told(reasons: list[str]) -> OtherError:
    number, reason = next((number, reason) for number, reason in enumerate(reasons) if reason)
    return OtherError(f"Process {number}: {reason}")


def _outline(request: TrainRequest) -> dict[str, str]:
    """What has to be the same in every process, and can be compared: not numbers of latents, which cards round."""
    settings = [getattr(request, name) for name in settings_of(LoopSettings)]
    order = [getattr(request.cycle, field.name) for field in fields(request.cycle) if field.name != "buckets"]
    pictures = [
        (bucket.name, bucket.probability, bucket.repeats)
        + tuple((e.name, e.caption, bucket.strength_of(e), tuple(e.latent.shape)) for e in bucket.examples)
        for bucket in request.cycle.buckets
    ]
    targets = [(target.key, target.rows, repr(config)) for target, config in request.plan]
    return {"settings": repr((settings, order)), "pictures": repr(pictures), "targets": repr(targets)}
