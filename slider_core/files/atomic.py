"""Safetensors files that are written whole or not at all."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from uuid import uuid4
from zlib import crc32

import psutil
from safetensors import SafetensorError
from safetensors.torch import save
from torch import Tensor

# A file that is being written is called .MACHINE-PROCESS-RANDOM.slider-part, however long the name that it will have.
PART = ".slider-part"
MACHINE = f"{crc32(socket.gethostname().encode()):08x}"
STALE = 3600  # seconds after which another machine's is taken for left behind
_own: set[str] = set()


class NotWrittenError(OSError):
    """A file could not be written; what was there before is still there."""


class TakenError(NotWrittenError):
    """There is a file of this name already."""


def write_whole(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str], new: bool = False
) -> Path:
    """Writes beside `path` and renames: a reader sees the old file or the new, never a part, also after a power cut.

    Args:
        new: never in the place of another file.

    Raises:
        NotWrittenError: if the disk is full, the folder cannot be written to, the name is too long, ….
        TakenError: if `new`, and there is such a file.
    """
    part = path.with_name(f".{MACHINE}-{os.getpid()}-{uuid4().hex[:8]}{PART}")
    _own.add(part.name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clean(path.parent)
        _write(
            part,
            save({key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}, dict(metadata)),
        )
        _publish_new(part, path) if new else os.replace(part, path)
        _sync_folder(path.parent)
    except TakenError:
        raise
    except (OSError, SafetensorError, MemoryError) as error:
        raise NotWrittenError(
            f"{path.name} could not be written ({error or type(error).__name__}). Free space on the disk, or see that "
            f"files can be made in {path.parent}."
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        _own.discard(part.name)
    return path


def _write(part: Path, content: bytes) -> None:
    """With the mode that the user's umask gives, and on the disk when it returns."""
    with open(part, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _publish_new(part: Path, path: Path) -> None:
    """Gives the written file its name, if no other has it: where there are no hard links, by way of an empty file."""
    try:
        try:
            os.link(part, path)
        except FileExistsError:
            raise
        except OSError:
            _publish_over_empty(part, path)
    except FileExistsError:
        raise TakenError(f"There is a file {path.name} already.") from None


def _publish_over_empty(part: Path, path: Path) -> None:
    open(path, "xb").close()
    try:
        os.replace(part, path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    """The name, too, is on the disk when it returns. Windows has no folders to open."""
    with suppress(OSError, AttributeError):
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _clean(folder: Path) -> None:
    """Removes what writers that were killed have left behind."""
    for part in folder.glob(f".*{PART}"):
        with suppress(OSError, ValueError):
            if _left_behind(part):
                part.unlink()


def _left_behind(part: Path) -> bool:
    machine, process, _ = part.name.removeprefix(".").split("-", 2)
    if machine != MACHINE:
        return time.time() - part.stat().st_mtime > STALE
    if int(process) == os.getpid():  # of an earlier process of this number, as in containers
        return part.name not in _own
    return not psutil.pid_exists(int(process))
