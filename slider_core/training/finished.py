"""Finds a training that was finished before by the file that it has written."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

from safetensors import safe_open

from ..files import SliderFileError, load
from ..files.slider import Slider
from .events import TrainedSlider

TRAINING = "concept_sliders.training"  # metadata: the fingerprint of the training that a slider is from
LOSSES = "concept_sliders.loss"  # metadata: JSON list, the loss of each step, or of MOST_LOSSES of them
REACH = "concept_sliders.reach"  # metadata: how far the training of a slider came that ended by measurement
MOST_LOSSES = 1000
TITLE = "modelspec.title"  # the name that was asked for: under another name a slider is trained anew


def finished(folder: Path, wanted: Slider) -> TrainedSlider | None:
    """The slider that this very training has written to `folder`, whatever its file is called by now.

    Args:
        wanted: one with the same keys, types, fingerprint and title, and number of steps; or with any reach, where the
            number of steps is not known before.
    """
    for path in sorted(folder.glob("*.safetensors")):
        if not _is_of(path, wanted):
            continue
        try:
            slider = load(path)
        except SliderFileError:
            continue
        if all(slider[key].dtype == tensor.dtype for key, tensor in wanted.items()):
            steps = int(slider.metadata["steps"])
            losses = {"loss": losses_of(slider)}
            return TrainedSlider(slider, losses, steps, 0.0, steps, finished_before=True, file=path)
    return None


def _is_of(path: Path, wanted: Slider) -> bool:
    """By its metadata and its keys; of the tensors nothing is read."""
    try:
        with safe_open(path, "pt") as file:
            metadata, keys = file.metadata() or {}, set(file.keys())
    except Exception:  # no safetensors file, or one that cannot be read
        return False
    same = all(metadata.get(key) == wanted.metadata.get(key) for key in (TRAINING, TITLE))
    at_end = (
        REACH in metadata if REACH in wanted.metadata else metadata.get("steps") == wanted.metadata.get("steps")
    )
    return same and at_end and TRAINING in metadata and keys == wanted.keys()


def losses_text(losses: Sequence[float]) -> str:
    """Losses for the metadata of a file, in four digits; of long trainings not all."""
    every = math.ceil(len(losses) / MOST_LOSSES)
    return json.dumps([float(f"{loss:.4g}") for loss in losses[::every]])


def losses_of(slider: Slider) -> list[float]:
    """What `losses_text` has written; empty if it cannot be read."""
    try:
        return [float(loss) for loss in json.loads(slider.metadata[LOSSES])]
    except (KeyError, ValueError, TypeError):
        return []
