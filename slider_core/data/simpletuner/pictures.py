"""The pictures of a dataset: those of its folder that are wanted, with captions as its keys ask for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from ...given import quoted
from ..clips import is_moving
from ..faults import PictureError, raise_all
from ..folder import FolderPictures
from ..masks import read_mask
from ..pictures import Picture, read_pixels
from .backend import Backend

CAPTIONS = {"textfile": "text file", "filename": "file name", "instanceprompt": "prompt"}


class BackendPictures(Sequence[Picture]):
    """Each picture is read when it is asked for.

    Args:
        place: the folder on disk.
        masks: mask files, by the name of their picture.
    """

    def __init__(self, backend: Backend, place: Path, masks: dict[str, Path] | None = None):
        self.backend, self.masks = backend, masks
        self.all = FolderPictures(
            place,
            CAPTIONS[backend.captions],
            text_file="one a line" if backend.one_a_line else "whole file",
            subfolders=True,
            frames=backend.frames,
        )
        moving = [i for i, file in enumerate(self.all.listing.files) if backend.frames == 1 or is_moving(file)]
        if not moving:
            raise PictureError(
                f"Folder {quoted(place.name)} holds no clips. Set dataset_type to image, or add some."
            )
        self.indices = _chosen(moving, self.names, self._large_enough, backend.most)
        if masks is not None:
            _all_there([self.names[i] for i in self.indices], masks, backend.id, "mask")

    @property
    def names(self) -> list[str]:
        return names_of(self.all)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index):  # type: ignore[no-untyped-def, override]
        picture: Picture = self.all[self.indices[index]]
        caption, *others = _captions(self.backend, picture.captions)
        mask = read_mask(self.masks[picture.name]) if self.masks is not None else picture.mask
        return replace(picture, caption=caption, others=tuple(others), mask=mask)

    def _large_enough(self, index: int) -> bool:
        """By the file's header; what cannot be read there is told of when it is read whole."""
        try:
            with Image.open(self.all.listing.files[index]) as opened:
                return self.backend.sizing.takes(*opened.size)
        except Exception:
            return True


class Controls(Sequence[Tensor]):
    """The control picture [H, W, 3] of each picture, read when it is asked for.

    Raises:
        PictureError: naming the pictures that have none.
    """

    def __init__(self, backend: Backend, place: Path, pictures: BackendPictures):
        files = files_by_name(place)
        wanted = [pictures.names[i] for i in pictures.indices]
        _all_there(wanted, files, backend.id, "control picture")
        self.files = [files[name] for name in wanted]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: Any) -> Any:
        return read_pixels(self.files[index])


def files_by_name(place: Path) -> dict[str, Path]:
    """The pictures of a folder and those below, by their names within."""
    pictures = FolderPictures(place, subfolders=True)
    return dict(zip(names_of(pictures), pictures.listing.files, strict=True))


def names_of(pictures: FolderPictures) -> list[str]:
    """As `FolderPictures` names them."""
    return [file.relative_to(pictures.folder).with_suffix("").as_posix() for file in pictures.listing.files]


def _chosen(among: Sequence[int], names: Sequence[str], takes: Callable[[int], bool], most: int) -> list[int]:
    """All, or the first so many in an order that depends on nothing but their names: pairs are chosen together."""
    if not most or most >= len(among):
        return list(among)
    order = sorted(among, key=lambda i: hashlib.sha256(names[i].encode("utf-8", "surrogatepass")).digest())
    large = [i for i in order if takes(i)]
    return sorted((large or order)[:most])


def _captions(backend: Backend, found: Sequence[str]) -> list[str]:
    if backend.captions == "instanceprompt":
        return list(backend.prompts)
    if backend.prepend:
        return [f"{prompt} {caption}".strip() for prompt in backend.prompts for caption in found]
    return list(found)


def _all_there(names: Sequence[str], files: dict[str, Path], where: str, what: str) -> None:
    faults = [
        f"{name} has no {what} of that name in dataset {quoted(where)}." for name in names if name not in files
    ]
    raise_all(faults[:-1] + [f"{faults[-1]} Add it, or take the picture out."] if faults else [])


__all__ = ["BackendPictures", "Controls", "PictureError", "files_by_name"]
