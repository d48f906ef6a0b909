"""Slider files on disk: safetensors, written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from .atomic import write_whole
from .errors import SliderFileError
from .formats import convert
from .slider import Slider


def save(
    slider: Mapping[str, Tensor],
    path: Path | str,
    key_format: str = "native",
    model: Any = None,
    dtype: torch.dtype | None = None,
    new: bool = False,
) -> Path:
    """Writes a slider file; a reader sees the old file or the whole new one, never a part.

    Args:
        key_format: `native`, `diffusers` or `kohya`; see `formats`.
        model: the model that the slider is for; see `formats.convert` for when it is needed.
        dtype: to store the weights in another type than they have.
        new: never in the place of another file: TakenError, a NotWrittenError, where there is one.

    Raises:
        SliderFileError: if the slider cannot be written in this key format.
        NotWrittenError: if the file cannot be written.
    """
    converted = convert(slider, key_format, model)
    tensors = _apart({key: _stored(key, tensor, dtype) for key, tensor in converted.items()})
    return write_whole(Path(path), tensors, {"format": "pt", **converted.metadata}, new)


def _stored(key: str, tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    is_weight = tensor.is_floating_point() and not key.endswith(".alpha")
    return tensor.to(dtype) if dtype is not None and is_weight else tensor


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors with no two on one storage, as safetensors requires; q, k and v of one LoRA share theirs."""
    seen: set[int] = set()
    apart = {}
    for key, tensor in tensors.items():
        place = tensor.untyped_storage().data_ptr()
        apart[key] = tensor.clone() if place in seen else tensor
        seen.add(place)
    return apart


def load(path: Path | str) -> Slider:
    """Reads a slider file, or any other LoRA: safetensors, or what PyTorch reads without running code from the file.

    Raises:
        SliderFileError: if it is not a whole file of named tensors.
    """
    if Path(path).suffix.lower() not in (".safetensors", ".sft"):
        return _load_pickled(path)
    try:
        with safe_open(path, framework="pt") as file:
            return Slider({key: file.get_tensor(key) for key in file.keys()}, file.metadata())
    except Exception as error:
        raise SliderFileError(f"{Path(path).name} is no whole safetensors file ({error}).") from error


def load_metadata(path: Path | str) -> dict[str, str]:
    """The metadata of a safetensors file alone, from its header; empty where there is none to be read."""
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}
    except Exception:  # another kind of file, a broken one, one that is being written
        return {}


def _load_pickled(path: Path | str) -> Slider:
    """A `.pt` or `.ckpt` file by ComfyUI's own loader, which takes nothing but tensors out of it."""
    from comfy.utils import load_torch_file

    try:
        found = load_torch_file(str(path), safe_load=True)
        tensors = {str(key): value for key, value in found.items() if isinstance(value, Tensor)}
    except Exception as error:
        raise SliderFileError(
            f"{Path(path).name} cannot be read as a file of tensors ({type(error).__name__}). Use a .safetensors file."
        ) from error
    if not tensors:
        raise SliderFileError(f"{Path(path).name} holds no tensors. Choose a LoRA.")
    return Slider(tensors)
