"""What a slider's file is called, and where it lies, whoever asks: nodes and the command share the rule.

A name such as `smile`, `people/smile` or `loras/smile.safetensors` becomes `loras/…/smile_00001_.safetensors` below
ComfyUI's output folder, where every list of LoRAs has it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any

from torch import Tensor

from ..given import quoted
from .atomic import NotWrittenError, TakenError
from .beside import write_beside
from .storage import save

ENDING = ".safetensors"
FOLDER = "loras"  # below the output folder; one of ComfyUI's LoRA folders
# Bytes of a name. File systems take 255, and endings as long as _00001_stopped_at_100000.safetensors are added.
LONGEST = 200
NOT_ON_WINDOWS = re.compile(r'[<>:"|?*]')
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)\s*(\.|$)", re.IGNORECASE)
# ComfyUI's own, as in its Save Image.
TIMES = {"year": "%Y", "month": "%m", "day": "%d", "hour": "%H", "minute": "%M", "second": "%S"}
EXAMPLE = "Give a name such as smile or people/smile."


class FileNameError(ValueError):
    """No file can have this name."""


def slider_name(file_name: str) -> PurePosixPath:
    r"""The name without number and ending, below the output folder: `loras/smile`, `loras/people/smile`.

    It is one that works on every system: `\` is a separator too, and what Windows has no names for becomes `_`.

    Raises:
        FileNameError: if nothing usable is left, or it leads elsewhere.
    """
    parts = [part.strip() for part in _dated(file_name).replace("\\", "/").split("/")]
    if ".." in parts or (parts[0] == "" and len(parts) > 1) or re.match(r"^[a-zA-Z]:", parts[0]):
        raise FileNameError(
            f"{quoted(file_name)} leads out of ComfyUI's output folder, where sliders are written. {EXAMPLE}"
        )
    while parts[-1].lower().endswith(ENDING):
        parts[-1] = parts[-1][: -len(ENDING)]
    if not parts[-1].strip(". ") or parts == [FOLDER]:
        raise FileNameError(f"file_name {quoted(file_name)} names no file, at most a folder. {EXAMPLE}")
    usable = [_usable(part) for part in parts if part not in ("", ".")]
    below = usable[1:] if usable[0].lower() == FOLDER and len(usable) > 1 else usable
    return PurePosixPath(FOLDER, *below)


def _dated(file_name: str) -> str:
    now = time.localtime()
    return re.sub(r"%(\w+)%", lambda m: time.strftime(TIMES[m[1]], now) if m[1] in TIMES else m[0], file_name)


def _usable(part: str) -> str:
    """A part of the path as every system can have it."""
    bad = next((sign for sign in part if sign < " " or "\ud800" <= sign <= "\udfff"), None)
    if bad is not None:
        raise FileNameError(
            f"{quoted(part)} in file_name has {bad!r}, which no file's name can have. {EXAMPLE}"
        )
    size = len(part.encode())
    if size > LONGEST:
        raise FileNameError(
            f"{part[:20]}… in file_name is {size} bytes long, and {LONGEST} is the most (a letter of Hindi or "
            "Chinese takes 3). Give a shorter name."
        )
    part = NOT_ON_WINDOWS.sub("_", part).rstrip(". ") or "_"
    return f"_{part}" if RESERVED.match(part) else part


def places(output: Path, file_name: str) -> Iterator[Path]:
    """The next free file of a name below the output folder, and those after it.

    Raises:
        FileNameError: see `slider_name`.
        NotWrittenError: if its folder cannot be made or looked into.
    """
    output = output.resolve()  # where it is a link itself
    name = slider_name(file_name)
    folder = output / name.parent
    if not folder.resolve().is_relative_to(output):
        raise FileNameError(f"{quoted(file_name)} leads out of ComfyUI's output folder by a link. {EXAMPLE}")
    for number in count(_next_number(folder, name.name)):
        yield folder / f"{name.name}_{number:05}_{ENDING}"


def _next_number(folder: Path, name: str) -> int:
    numbered = re.compile(rf"{re.escape(name)}_(\d+)_", re.IGNORECASE)  # as file systems of Windows and macOS
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = [numbered.match(file.name) for file in folder.iterdir()]
    except OSError as error:
        raise NotWrittenError(
            f"The folder {folder} cannot be used ({error}). See that it is a folder, and that files can be made in it."
        ) from error
    return 1 + max((int(match[1]) for match in found if match and len(match[1]) < 16), default=0)


def save_numbered(
    slider: Mapping[str, Tensor], output: Path, file_name: str, ending: str = "", **how: Any
) -> Path:
    """Writes a slider under the next number of a name, also if files appear meanwhile; see `save` and `write_beside`.

    Args:
        ending: follows the number.

    Raises:
        NotWrittenError: if it cannot be written.
        FileNameError: see `slider_name`.
    """
    for place in places(output, file_name):
        try:
            path = save(slider, place.with_stem(f"{place.stem}{ending}"), new=True, **how)
        except TakenError:
            continue
        write_beside(path, getattr(slider, "metadata", {}))
        return path
    raise AssertionError("numbers do not end")


def checkpoint_place(output: Path, file_name: str) -> Path:
    """Folder and name, below the output folder, of the files that hold the state of a training."""
    return Path(output, "slider_checkpoints", slider_name(file_name).name)
