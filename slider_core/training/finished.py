"""Finds the file of a training that was finished before."""

from __future__ import annotations

from pathlib import Path

from safetensors import safe_open

from ..files.slider import Slider

TRAINING = "concept_sliders.training"  # metadata: the fingerprint of the training that a slider is from


def file_of(slider: Slider, folder: Path) -> Path | None:
    """The slider file in `folder` that the training of `slider` has written, whatever it is called by now."""
    return next((path for path in sorted(folder.glob("*.safetensors")) if _is_of(path, slider)), None)


def _is_of(path: Path, slider: Slider) -> bool:
    """By its metadata and its keys; of the tensors nothing is read."""
    try:
        with safe_open(path, "pt") as file:
            metadata, keys = file.metadata() or {}, set(file.keys())
    except Exception:  # no safetensors file, or one that cannot be read
        return False
    same = all(metadata.get(key) == slider.metadata.get(key) for key in (TRAINING, "steps"))
    return same and TRAINING in metadata and keys == slider.keys()
