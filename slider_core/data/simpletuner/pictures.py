"""The pictures of a dataset: those of its folder that are wanted, with captions as its keys ask for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from ...given import quoted
from ..clips import is_moving
from ..controls import check_all_there
from ..faults import PictureError
from ..folder import FolderPictures
from ..masks import read_mask
from ..pictures import Picture
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
        self.indices = _chosen(moving, self.all.names, self._large_enough, backend.most)
        if masks is not None:
            check_all_there(self.names, masks, f"mask of that name in dataset {quoted(backend.id)}")

    @property
    def names(self) -> list[str]:
        """Of those that are wanted."""
        every = self.all.names
        return [every[index] for index in self.indices]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Any:
        picture: Picture = self.all[self.indices[index]]
        caption, *others = _captions(self.backend, picture.captions)
        mask = read_mask(self.masks[picture.name]) if self.masks is not None else picture.mask
        return replace(picture, caption=caption, others=tuple(others), mask=mask)

    def _large_enough(self, index: int) -> bool:
        """By the file's header; where that cannot be read, reading the whole file raises."""
        try:
            with Image.open(self.all.listing.files[index]) as opened:
                return self.backend.sizing.takes(*opened.size)
        except Exception:
            return True


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
