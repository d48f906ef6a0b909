"""The previews of a training, kept by step in a folder with an index."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from PIL import Image

from ..training import TrainedSlider
from ..training.finished import TRAINING

FOLDER = "slider_previews"  # below the output folder
INDEX = "index.json"
NAME = re.compile(r"step_(\d+)\.png")


class KeptPreviews:
    """Those of one training: one that is continued finds what it had.

    `index.json` is a list of `{"step": 100, "file": "step_000100.png"}`, by step.
    """

    def __init__(self, output: Path, name: str):
        self.root, self.name = output / FOLDER, name

    def add(self, result: TrainedSlider, picture: Image.Image) -> list[Path]:
        """Writes the preview of a slider so far; the files of all previews, by step.

        Raises:
            OSError: if it cannot be written.
        """
        training = result.slider.metadata.get(TRAINING, "")[:12]
        folder = self.root / (f"{self.name}-{training}" if training else self.name)
        folder.mkdir(parents=True, exist_ok=True)
        picture.save(folder / f"step_{result.steps:06}.png")
        index = folder / f".{INDEX}"
        found = entries(folder)
        index.write_text(json.dumps(found))
        os.replace(index, folder / INDEX)
        return [folder / str(entry["file"]) for entry in found]


def entries(folder: Path) -> list[dict[str, object]]:
    """The previews in a folder, by step."""
    found = sorted((int(match[1]), match[0]) for match in map(NAME.fullmatch, os.listdir(folder)) if match)
    return [{"step": step, "file": file} for step, file in found]
