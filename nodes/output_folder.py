"""ComfyUI's output folder, below which sliders and the states of trainings lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import folder_paths

from .inputs import one


def output_folder() -> Path:
    """Itself, where it is a link."""
    return Path(folder_paths.get_output_directory()).resolve()


def name_fault(file_name: str | list[str] | None) -> str:
    """For `validate_inputs`: what is wrong with a name that is there already; one that comes by a link is not."""
    from ..slider_core.files.naming import FileNameError, slider_name

    given = one(file_name)
    try:
        if isinstance(given, str):
            slider_name(given)
    except FileNameError as error:
        return str(error)
    return ""


def previews_for_page(files: Sequence[Path], output: Path) -> list[dict[str, Any]]:
    """Previews that a training has kept, as ComfyUI tells the page of files, each with its step."""
    return [
        {
            "filename": file.name,
            "subfolder": file.parent.relative_to(output).as_posix(),
            "type": "output",
            "step": int(file.stem.rpartition("_")[2]),
        }
        for file in files
    ]
