"""The pictures of a sweep in ComfyUI's folders, its history and its Assets, and what the page shows of them.

On the page, `ui` of Slider Sweep has:

- `images`: the files of the grid, the frames and the animations, as those of Save Image and Preview Image.
- `slider_sweep`: one object for web/sweep_viewer.js:
  `strengths`: of the columns.
  `rows`: for each row `name`, `prompt`, `seed` (its note, ready to show), `start` (the number of the seed) and `second`
  (its place on the second axis).
  `frames`: for each row its files, one a strength.
  `usable_range`: [lowest, highest] at the first place of the second axis; [0, 0] where there is none.
  `second_axis`: `name`, `labels` and `usable_ranges`, one for each place; null where there is no second axis. Rows that
  differ only in `second` have the same `prompt` and `start`, and follow each other.
  `with_slider`: what strengths are with the slider that the node gives, by its new response curve: `strengths` of the
  columns, and `usable_range`; null where they are the same.
  `stopped`: whether these are the rows that were done when the sweep ended early.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import folder_paths
import numpy as np
import torch
from comfy.cli_args import args
from comfy_api.latest import io
from PIL import Image, PngImagePlugin

from .loras import curve_used, range_used
from .progress import say, shown_now
from .sweep_animation import write_animation

if TYPE_CHECKING:
    from ..slider_core.curve import Curve
    from ..slider_core.evaluation.report import Report
    from ..slider_core.evaluation.sweep import Sweep
    from .sweep_axes import SecondAxis

PREFIX = "slider_sweep"
OUTPUT, TEMP = io.FolderType.output, io.FolderType.temp
LONGEST = 40  # characters of a prompt in a file's name


def grid_image(task: Sweep, stills: torch.Tensor) -> torch.Tensor:
    """The labelled grid as an IMAGE, [1, H, W, 3]."""
    from ..slider_core.evaluation.sweep import grid_of

    return torch.from_numpy(np.asarray(grid_of(task, stills), dtype=np.float32) / 255).unsqueeze(0)


def by_new_curve(task: Sweep, swept: Any, by: Curve | None) -> dict[str, Any] | None:
    """The strengths that Apply Slider needs for the columns with the slider that was measured; None if the same.

    Args:
        by: the curve that the strengths of the sweep went by.
    """
    curve = curve_used(swept, True)
    if curve is None or curve == by:
        return None
    asked = [round(curve.asked(by.raw(s) if by else s), 3) + 0.0 for s in task.strengths]
    return {"strengths": asked, "usable_range": range_used(swept)}


@dataclass(frozen=True)
class Kept:
    """How the pictures of a sweep are kept.

    Attributes:
        keep: `grid`, `grid and frames`, or `nothing`: what goes to the output folder; the rest to the temp folder.
        animation: `none`, `webp` or `mp4`.
        node: the running node; its workflow goes into the files.
    """

    task: Sweep
    axis: SecondAxis
    keep: str
    animation: str
    node: type[io.ComfyNode]

    def shown(
        self,
        stills: torch.Tensor,
        measured: Sequence[Report],
        places: Sequence[int],
        with_slider: dict[str, Any] | None = None,
    ) -> dict[str, list[Any]]:
        """Writes the stills [rows, strengths, H, W, 3] of the rows at these places; what `ui` has of them.

        Raises:
            OSError: if they cannot be written.
        """
        from ..slider_core.evaluation.sweep import grid_of

        grid = self._folder(OUTPUT if self.keep != "nothing" else TEMP, stills)
        frames = self._folder(OUTPUT if self.keep == "grid and frames" else TEMP, stills)
        files = [
            grid.save("" if measured else "stopped", grid_of(self.task, stills, places), self._metadata({}))
        ]
        of_rows = [self._frames(frames, place, row) for place, row in zip(places, stills, strict=True)]
        files += [file for row in of_rows for file in row]
        if self.animation != "none":
            moving = self._folder(OUTPUT, stills)
            for place, row in zip(places, stills, strict=True):
                path = moving.path(self._name(place), self.animation)
                write_animation(path, row, self.animation, self._metadata({}))
                files.append(moving.entry(path))
        viewer = {**self._viewer(of_rows, measured, places), "with_slider": with_slider}
        return {"images": files, PREFIX: [viewer]}

    def _folder(self, kind: io.FolderType, stills: torch.Tensor) -> Folder:
        return Folder.of(kind, stills.shape[-2], stills.shape[-3])

    def _frames(self, folder: Folder, place: int, row: torch.Tensor) -> list[dict[str, Any]]:
        found = self.task.rows[place]
        said = {
            "prompt": found.prompt.text,
            "name": found.prompt.name,
            "seed": found.seed,
            **({self.axis.name: self.task.second[found.second]} if self.axis.name else {}),
        }
        as_bytes = (row.clamp(0, 1) * 255).round().byte().numpy()
        return [
            folder.save(
                f"{self._name(place)}_{label}",
                Image.fromarray(picture),
                self._metadata({**said, "strength": strength}),
            )
            for picture, label, strength in zip(
                as_bytes, self.task.column_labels, self.task.strengths, strict=True
            )
        ]

    def _name(self, place: int) -> str:
        """Tells a row in a file's name: its place, prompt, seed and place of the second axis."""
        row = self.task.rows[place]
        parts = [
            f"{place + 1:03}",
            row.prompt.text or row.prompt.name,
            f"seed-{row.seed}",
            self.task.second[row.second],
        ]
        return "_".join(word for word in map(_word, parts) if word)

    def _metadata(self, said: dict[str, Any]) -> dict[str, Any]:
        """The workflow, as ComfyUI's own nodes write it, and what a frame shows."""
        if args.disable_metadata:
            return {}
        hidden = self.node.hidden
        workflow = {"prompt": hidden.prompt, **(hidden.extra_pnginfo or {})} if hidden else {}
        return {key: value for key, value in {**workflow, PREFIX: said}.items() if value}

    def _viewer(
        self, of_rows: list[list[dict[str, Any]]], measured: Sequence[Report], places: Sequence[int]
    ) -> dict[str, Any]:
        labels, rows = self.task.row_labels, self.task.rows
        ranges = [report.usable_range for report in measured]
        return {
            "strengths": self.task.strengths,
            "rows": [
                {
                    "name": rows[place].prompt.name,
                    "prompt": labels[place][0],
                    "seed": labels[place][1],
                    "start": str(rows[place].seed),
                    "second": rows[place].second,
                }
                for place in places
            ],
            "frames": of_rows,
            "usable_range": ranges[0] if ranges else (0.0, 0.0),
            "second_axis": self.axis.name
            and {"name": self.axis.name, "labels": self.task.second, "usable_ranges": ranges}
            or None,
            "stopped": not measured,
        }

    def of_done(self, rows: dict[int, torch.Tensor], vae: Any) -> None:
        """Keeps and shows the rows that are done of a sweep that was stopped, if any and if it can be."""
        from ..slider_core.evaluation.sweep import decode, stills

        if not rows:
            return
        places = sorted(rows)
        try:
            pictures = stills(decode(torch.stack([rows[place] for place in places]), vae.decode))
            shown = self.shown(pictures, [], places)
        except Exception as error:  # what stopped the sweep is what the user should see
            return logging.warning("The %d rows that are done could not be kept: %s", len(rows), error)
        node_id = self.node.hidden and self.node.hidden.unique_id
        count = "1 row that is" if len(rows) == 1 else f"{len(rows)} rows that are"
        text = f"Stopped; the {count} done: {shown['images'][0]['filename']}."
        say(text, node_id)
        shown_now({"text": [text], **shown}, node_id)


@dataclass(frozen=True)
class Folder:
    """Where files of one sweep go: they share a number.

    Attributes:
        start: of their names.
    """

    kind: io.FolderType
    folder: Path
    subfolder: str
    start: str

    @classmethod
    def of(cls, kind: io.FolderType, width: int, height: int) -> Folder:
        root = folder_paths.get_output_directory() if kind == OUTPUT else folder_paths.get_temp_directory()
        folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(PREFIX, root, width, height)
        return cls(kind, Path(folder), subfolder, f"{name}_{counter:05}_")

    def path(self, name: str, ending: str) -> Path:
        return self.folder / f"{self.start}{name}.{ending}"

    def entry(self, path: Path) -> dict[str, Any]:
        """A file as ComfyUI tells the page of it."""
        return {"filename": path.name, "subfolder": self.subfolder, "type": self.kind.value}

    def save(self, name: str, picture: Image.Image, metadata: dict[str, Any]) -> dict[str, Any]:
        info, path = PngImagePlugin.PngInfo(), self.path(name, "png")
        for key, value in metadata.items():
            info.add_text(key, json.dumps(value))
        picture.save(path, pnginfo=info, compress_level=4 if self.kind == OUTPUT else 1)
        return self.entry(path)


def _word(text: str) -> str:
    """A text as part of a file's name on every system."""
    return re.sub(r"[^\w+.]+", "-", text)[:LONGEST].strip("-.")
