"""What lies below ComfyUI's input and datasets folders: folders and JSON files for the choices of nodes, safe paths."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import folder_paths

from ..slider_core.given import quoted

MOST = 20_000  # folders, and JSON files, that are listed of each of the two
DEEPEST = 20  # folders within folders
DATASETS = " [datasets]"  # behind the names of those below ComfyUI's datasets folders


@dataclass(frozen=True)
class Listing:
    """Paths relative to a root, as `a/b`."""

    folders: tuple[str, ...]
    json_files: tuple[str, ...]


def input_folders() -> list[str]:
    """Folders below ComfyUI's input folder and, marked, below its datasets folders, at any depth; hidden ones are left
    out, as are those in linked folders, and links that lead elsewhere."""
    return _all_of("folders")


def json_files(datasets: bool = False) -> list[str]:
    """JSON files below the input folder and, if asked for, below the datasets folders."""
    return _all_of("json_files", datasets)


def _all_of(kind: str, datasets: bool = True) -> list[str]:
    names = sorted(getattr(_listing(folder_paths.get_input_directory()), kind))
    roots = _dataset_roots() if datasets else []
    of_datasets = {name for root in roots for name in getattr(_listing(root), kind)}
    return names + [name + DATASETS for name in sorted(of_datasets)]


def _dataset_roots() -> list[str]:
    """Older versions of ComfyUI have none; others may have several, of which the first that has a name counts."""
    roots, _ = folder_paths.folder_names_and_paths.get("datasets", ([], set()))
    return [root for root in roots if os.path.isdir(root)]


def roots() -> list[Path]:
    """The folders that training data may lie in: ComfyUI's input folder and its datasets folders."""
    return [Path(folder_paths.get_input_directory()), *map(Path, _dataset_roots())]


def input_path(name: str) -> Path:
    """The place on disk of a name below ComfyUI's input folder or, where it is marked so, a datasets folder.

    Raises:
        ValueError: if it lies outside of it, or is no path at all.
    """
    if isinstance(name, str) and name.endswith(DATASETS):
        plain, roots, which = name.removesuffix(DATASETS), _dataset_roots(), "datasets"
    else:
        plain, roots, which = name, [folder_paths.get_input_directory()], "input"
    places = [_below(root, plain, name, which) for root in roots]
    if not places:
        raise ValueError(
            f"{quoted(name)} is not there: ComfyUI has no datasets folder. Choose one of the list."
        )
    return next(filter(os.path.exists, places), places[0])


def _below(root: str, plain: str, name: str, which: str) -> Path:
    try:
        place = Path(root, plain)
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
        f"{quoted(name)} lies outside. Choose one of the list, or move it below ComfyUI's {which} folder."
    )


_known: dict[str, tuple[float, Listing]] = {}


def _listing(root: str) -> Listing:
    """ComfyUI asks for the choices several times for every node of a job, so one walk serves for a second or more."""
    until, listing = _known.get(root, (0.0, Listing((), ())))
    started = time.monotonic()
    if started >= until:
        listing = _walked(root)
        # A slow drive is not walked all the time.
        until = time.monotonic() + max(1.0, 10 * (time.monotonic() - started))
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
