"""Processes that work side by side and hear of each other meanwhile, through torch.distributed's collectives."""

from __future__ import annotations

import threading
from typing import Any

import torch
import torch.distributed as dist

from .processes import LOST, LostError

WORKING, DONE, AGAIN, CANCELLED, FAILED = range(5)  # of two ways to end, the later one counts
BEAT = 1.0  # seconds between rounds


class Meeting:
    """A piece of work that every process does in its own time.

    A thread joins a round of all processes every second, however long the work takes, so that one that is gone is
    noticed within the group's timeout. The last round is the one in which all have come to their end.

    Args:
        group: of all processes, on CPUs (gloo); nothing else uses it meanwhile.
        serial: of the meeting, the same in every process.
    """

    def __init__(self, group: Any, number: int, count: int, serial: int):
        self.group, self.number, self.count, self.serial = group, number, count, serial
        self._state, self._over = WORKING, threading.Event()
        self._lost: Exception | None = None
        self._states: list[int] = []
        self._thread = threading.Thread(target=self._rounds, name=f"meeting {serial}", daemon=True)
        self._thread.start()

    def end(self, state: int) -> list[int]:
        """How each process has ended, when all have.

        Raises:
            LostError: if one does not answer, or is at another piece of work.
        """
        self._state = state
        self._over.set()
        self._thread.join()
        if self._lost is not None:
            raise LostError(LOST) from self._lost
        return self._states

    def _rounds(self) -> None:
        try:
            while WORKING in (self._states or [WORKING]):
                self._over.wait(BEAT)
                self._states = self._round()
        except Exception as error:  # gloo raises whatever it meets
            self._lost = error

    def _round(self) -> list[int]:
        told = torch.zeros(self.count, 2, dtype=torch.int64)
        told[self.number] = torch.tensor([self.serial, self._state])
        dist.all_reduce(told, group=self.group)
        serials, states = told.T.tolist()
        if set(serials) != {self.serial}:
            raise RuntimeError(f"Processes are at different pieces of work: {serials}.")
        return list(states)
