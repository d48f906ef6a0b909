"""The pictures of a sweep: the grid as an IMAGE, the viewer's files, and what is kept of a sweep that was stopped."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from comfy_api.latest import io, ui

from .progress import say

if TYPE_CHECKING:
    from ..slider_core.evaluation.report import Report
    from ..slider_core.evaluation.sweep import Sweep


def grid_image(task: Sweep, stills: torch.Tensor) -> torch.Tensor:
    """The labelled grid as an IMAGE, [1, H, W, 3]."""
    from ..slider_core.evaluation.sweep import grid_of

    return torch.from_numpy(np.asarray(grid_of(task, stills), dtype=np.float32) / 255).unsqueeze(0)


def keep_rows(task: Sweep, rows: list[torch.Tensor], vae: Any, cls: type[io.ComfyNode]) -> None:
    """Writes the grid of the rows that are done to the output folder, if any and if it can be."""
    from ..slider_core.evaluation.sweep import decode, stills

    if not rows:
        return
    try:
        grid = grid_image(task, stills(decode(torch.stack(rows), vae.decode)))
        (file,) = ui.ImageSaveHelper.save_images(grid, "slider_sweep_stopped", io.FolderType.output, cls)
    except Exception as error:  # what stopped the sweep is what the user should see
        return logging.warning("The %d rows that are done could not be kept: %s", len(rows), error)
    say(
        f"Stopped; the {len(rows)} rows that are done are in {file.filename}.",
        cls.hidden and cls.hidden.unique_id,
    )


def for_viewer(task: Sweep, stills: torch.Tensor, measured: Report, cls: type[io.ComfyNode]) -> dict[str, Any]:
    """What web/sweep_viewer.js shows: files in the temp folder, and what they are."""
    saved = ui.ImageSaveHelper.save_images(
        stills.flatten(0, 1), "slider_sweep", io.FolderType.temp, cls, compress_level=1
    )
    columns = len(task.strengths)
    return {
        "strengths": task.strengths,
        "rows": [{"prompt": text, "seed": note} for text, note in task.row_labels],
        "frames": [saved[start : start + columns] for start in range(0, len(saved), columns)],
        "usable_range": measured.usable_range,
    }
