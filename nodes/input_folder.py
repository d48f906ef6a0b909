"""What lies below ComfyUI's input folder: its folders and JSON files for the choices of nodes, and safe paths."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import folder_paths

from ..slider_core.given import quoted

MOST = 20_000  # folders, and JSON files, that are listed
DEEPEST = 20  # folders within folders


@dataclass(frozen=True)
class Listing:
    """Paths relative to the input folder, as `a/b`."""

    folders: tuple[str, ...]
    json_files: tuple[str, ...]


def input_folders() -> list[str]:
    """Folders below ComfyUI's input folder, at any depth; hidden ones are left out, as are those in linked
    folders, and links that lead elsewhere."""
    return sorted(_listing().folders)


def json_files() -> list[str]:
    """JSON files in the same folders."""
    return sorted(_listing().json_files)


def input_path(name: str) -> Path:
    """The place on disk of a name below ComfyUI's input folder.

    Raises:
        ValueError: if it lies outside of it, or is no path at all.
    """
    root = folder_paths.get_input_directory()
    try:
        place = Path(root, name)
        if folder_paths.is_within_directory(root, str(place.resolve())):
            return place
    except (
        OSError,
        ValueError,
        TypeError,
        RuntimeError,
    ):  # no text, NUL, half a surrogate pair, a loop of links
        raise ValueError(f"{quoted(name)} is no name of a file or folder. Choose one of the list.") from None
    raise ValueError(
        f"{quoted(name)} lies outside. Choose one of the list, or move it below ComfyUI's input folder."
    )


_known: dict[str, tuple[float, Listing]] = {}


def _listing() -> Listing:
    """ComfyUI asks for the choices several times for every node of a job, so one walk serves for a second or more."""
    root = folder_paths.get_input_directory()
    until, listing = _known.get(root, (0.0, Listing((), ())))
    started = time.monotonic()
    if started >= until:
        listing = _walked(root)
        # A slow drive is not walked all the time.
        until = time.monotonic() + max(1.0, 10 * (time.monotonic() - started))
        _known.clear()
        _known[root] = until, listing
    return listing


def _walked(root: str) -> Listing:
    folders: list[str] = []
    files: list[str] = []
    waiting = [(root, "", 0)]
    while waiting and len(folders) < MOST and len(files) < MOST:
        path, prefix, depth = waiting.pop()
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    name = prefix + entry.name
                    if entry.is_symlink() and not folder_paths.is_within_directory(root, entry.path):
                        continue  # `input_path` refuses it
                    if entry.name.endswith(".json"):
                        files += [name] if entry.is_file() else []
                    elif not entry.name.startswith(".") and entry.is_dir():
                        folders.append(name)
                        if depth < DEEPEST and not entry.is_symlink():
                            waiting.append((entry.path, f"{name}/", depth + 1))
        except OSError:
            continue
    return Listing(tuple(folders), tuple(files))
