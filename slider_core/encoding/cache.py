"""Latents and encoded captions on disk, found again by what they were made of."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from zlib import crc32

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..files.atomic import NotWrittenError, write_whole

MOST_BYTES = 8 << 30  # of all files; the ones that were not used for longest go first
OURS = re.compile(r"[0-9a-f]{64}\.safetensors")  # no other file is ever removed
VERSION = "concept-sliders-encoded-1"  # a new number where the same picture would be encoded otherwise


class NotPlainError(TypeError):
    """A value holds something that no file can keep."""


class Cache:
    """Keeps what was encoded in a folder, in a file each; a file that is damaged is as good as none.

    Attributes:
        found: how many values were there.
        trouble: why something could not be kept, if so.
    """

    def __init__(self, folder: Path, most: int = MOST_BYTES):
        self.folder, self.most = folder, most
        self.found, self.trouble = 0, ""

    def get(self, key: str) -> Any:
        """The value that was kept under this key, or None."""
        path = self._path(key)
        try:
            with safe_open(path, "pt") as file:
                metadata = file.metadata() or {}
                tensors = [file.get_tensor(f"t{index:06}") for index in range(len(file.keys()))]
            if metadata.get("key") != key or metadata.get("sum") != _sum(tensors):
                raise ValueError("damaged")
            value = _whole(json.loads(metadata["value"]), tensors)
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError, ValueError, KeyError, IndexError, TypeError, RecursionError):
            with suppress(OSError):
                path.unlink(missing_ok=True)
            return None
        with suppress(OSError):
            os.utime(path)
        self.found += 1
        return value

    def put(self, key: str, value: Any) -> None:
        """Keeps a value of tensors, texts, numbers, lists and dicts; one with anything else in it is not kept."""
        tensors: list[Tensor] = []
        try:
            text = json.dumps(_apart(value, tensors))
            metadata = {"key": key, "value": text, "sum": _sum(tensors)}
            if sum(tensor.nbytes for tensor in tensors) < self.most:
                write_whole(self._path(key), {f"t{i:06}": tensor for i, tensor in enumerate(tensors)}, metadata)
        except NotPlainError:
            return
        except (NotWrittenError, OSError) as error:
            self.trouble = str(error)

    def trim(self) -> None:
        """Removes the files that were not used for longest, until all fit."""
        files = []
        for file in self._files():
            with suppress(OSError):
                stat = file.stat()
                files.append((stat.st_mtime, stat.st_size, file))
        size = sum(size for _, size, _ in files)
        for _, length, file in sorted(files):
            if size <= self.most:
                return
            with suppress(OSError):
                file.unlink()
                size -= length

    def _files(self) -> Iterator[Path]:
        return (
            file for file in self.folder.glob("??/*") if OURS.fullmatch(file.name) and not file.is_symlink()
        )

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.safetensors"


def key_of(*parts: str | Tensor) -> str:
    """What a value is kept under: a digest of all that it was made of."""
    digest = hashlib.sha256(VERSION.encode())
    for part in parts:
        if isinstance(part, Tensor):
            content = _bytes(part)
            digest.update(f"{part.dtype}{tuple(part.shape)}".encode())
        else:
            content = part.encode("utf-8", "surrogatepass")
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def _sum(tensors: list[Tensor]) -> str:
    total = 0
    for tensor in tensors:
        total = crc32(_bytes(tensor), total)
    return f"{total:08x}"


def _apart(value: Any, tensors: list[Tensor]) -> Any:
    """The value with its tensors put into a list, as JSON can tell it."""
    if type(value) is Tensor and value.layout == torch.strided:
        tensors.append(value)
        return ["tensor", len(tensors) - 1]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return ["dict", {key: _apart(inner, tensors) for key, inner in value.items()}]
    if type(value) in (list, tuple):
        return [type(value).__name__, [_apart(inner, tensors) for inner in value]]
    if value is None or type(value) in (str, int, float, bool):
        return ["plain", value]
    raise NotPlainError(type(value).__name__)


def _whole(part: Any, tensors: list[Tensor]) -> Any:
    kind, value = part
    if kind == "tensor":
        return tensors[value]
    if kind == "dict":
        return {key: _whole(inner, tensors) for key, inner in value.items()}
    if kind in ("list", "tuple"):
        inner = [_whole(one, tensors) for one in value]
        return inner if kind == "list" else tuple(inner)
    return value
