"""Where a folder that a file names lies: below one of the folders that are allowed, or nowhere."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from ...given import quoted
from .entry import DatasetError


def place_of(folder: str, roots: Sequence[Path], what: str) -> Path:
    """The folder on disk.

    A relative path is looked for below each of `roots`, and beside them if it begins with their own name
    (`datasets/faces`). An absolute one must lie below one of them. A link below them that its owner made is followed.

    Args:
        what: whose folder it is, as the subject of a sentence.

    Raises:
        DatasetError: if it lies outside, or is not there.
    """
    plain = folder.strip().replace("\\", "/") if os.name != "nt" else folder.strip()
    allowed = " or ".join(str(root) for root in roots)
    if not plain or "\0" in plain:
        raise DatasetError(f"{what} is {quoted(folder)}, which names no folder. Write one below {allowed}.")
    absolute = os.path.isabs(plain) or re.match(r"[A-Za-z]:", plain) or plain.startswith("~")
    found = _absolute(plain, roots) if absolute else _relative(plain, roots)
    if not found:
        raise DatasetError(
            f"{what} {quoted(folder)} lies outside of {allowed}. Two ways out: copy the folder below, or link to it "
            f"from there; then write its name below as the path."
        )
    place = next((path for path in found if os.path.isdir(path)), None)
    if place is None:
        raise DatasetError(
            f"{what} {quoted(folder)} is not there. Put the folder below {allowed}, and write its name below as the "
            f"path."
        )
    return place


def _absolute(path: str, roots: Sequence[Path]) -> list[Path]:
    """The path as it is, if it lies below a root; or a link to it directly below one."""
    place = Path(os.path.normpath(path))
    inside = [place for root in roots if place.is_relative_to(os.path.abspath(root))]
    return inside or [link for root in roots for link in _links(root) if os.path.realpath(link) == str(place)]


def _links(root: Path) -> list[Path]:
    try:
        return [Path(entry.path) for entry in os.scandir(root) if entry.is_symlink()]
    except OSError:
        return []


def _relative(path: str, roots: Sequence[Path]) -> list[Path]:
    normal = Path(os.path.normpath(path))
    if normal.parts[:1] == ("..",):
        return []
    found = [root / normal for root in roots]
    found += [root.joinpath(*normal.parts[1:]) for root in roots if normal.parts[:1] == (root.name,)]
    return found
