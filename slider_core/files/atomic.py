"""Safetensors files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor


class NotWrittenError(OSError):
    """A file could not be written; what was there before is still there."""


def write_whole(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Path:
    """Writes to a temporary name beside `path` and renames: a reader sees the old file or the new, never a part.

    Raises:
        NotWrittenError: if the disk is full, or the folder cannot be written to.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(
            {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}, part, dict(metadata)
        )
        os.replace(part, path)
    except (OSError, SafetensorError) as error:
        raise NotWrittenError(
            f"{path.name} could not be written ({error}). Free space on the disk or choose another folder."
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return path
