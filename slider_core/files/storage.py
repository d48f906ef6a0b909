"""Slider files on disk: safetensors, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from .native import SliderFileError
from .slider import Slider


def save(slider: Mapping[str, Tensor], path: Path | str, key_format: str = "native", model: Any = None) -> Path:
    """Writes a slider file; a reader sees the old file or the whole new one, never a part.

    Raises:
        SliderFileError: if the slider cannot be written in this key format.
    """
    path = Path(path)
    if key_format != "native":
        raise SliderFileError(f"there is no key format {key_format!r}.")
    tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in slider.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        save_file(tensors, part, metadata={"format": "pt", **getattr(slider, "metadata", {})})
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path


def load(path: Path | str) -> Slider:
    """Reads a slider file, or any other LoRA in safetensors.

    Raises:
        SliderFileError: if it is not a whole safetensors file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return Slider({key: file.get_tensor(key) for key in file.keys()}, file.metadata())  # noqa: SIM118
    except Exception as error:
        raise SliderFileError(f"{Path(path).name} is no whole safetensors file ({error}).") from error
