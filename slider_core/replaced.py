"""The one way in which this pack changes something of ComfyUI's or torch's: for a while, and back whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

ABSENT: Any = object()


@contextmanager
def replaced(holder: Any, name: str, value: Any) -> Iterator[None]:
    """While open, attribute `name` of `holder`, or entry `name` of a dict, is `value`; with ABSENT, it is not there.

    Afterwards the holder has of its own what it had of its own: what a class or another object gives it stays theirs.
    """
    own: Any = holder if isinstance(holder, dict) else vars(holder)
    before = own.get(name, ABSENT)
    _set(holder, name, value)
    try:
        yield
    finally:
        _set(holder, name, before)


def _set(holder: Any, name: str, value: Any) -> None:
    if isinstance(holder, dict):
        if value is ABSENT:
            holder.pop(name, None)
        else:
            holder[name] = value
    elif value is not ABSENT:
        setattr(holder, name, value)
    elif name in vars(holder):
        delattr(holder, name)
