"""Pictures of a folder that go with others by their names: control pictures, and masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from .faults import raise_all
from .folder import FolderPictures
from .pictures import read_pixels


class Controls(Sequence[Tensor]):
    """The control picture [H, W, 3] of each picture, read when it is asked for.

    Args:
        names: of the pictures, below their folder.
        where: what the control pictures are in, as an error calls it.

    Raises:
        PictureError: naming the pictures that have none.
    """

    def __init__(self, folder: Path, names: Sequence[str], where: str):
        files = files_by_name(folder)
        check_all_there(names, files, f"control picture of that name in {where}")
        self.files = [files[name] for name in names]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: Any) -> Any:
        return read_pixels(self.files[index])


def files_by_name(folder: Path) -> dict[str, Path]:
    """The pictures of a folder and those below, by their names within."""
    pictures = FolderPictures(folder, subfolders=True)
    return dict(zip(pictures.names, pictures.listing.files, strict=True))


def check_all_there(names: Sequence[str], files: Mapping[str, Path], what: str) -> None:
    """Raises PictureError that names each picture for which there is no file."""
    faults = [f"{name} has no {what}." for name in names if name not in files]
    raise_all(faults[:-1] + [f"{faults[-1]} Add it, or take the picture out."] if faults else [])
