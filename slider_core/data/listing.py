"""The files of a folder: which are pictures, clips and masks, and which are not read."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..given import counted, quoted
from . import clips, masks
from .faults import PictureError, raise_all
from .pictures import PICTURE_TYPES

MOST = 100_000  # files of a folder and those below it
DEEPEST = 20  # folders within folders
OTHER_TYPES = tuple(
    ".heic .heif .avif .jxl .jp2 .tga .psd .exr .svg .dng .cr2 .nef .arw .flv .wmv .mpg .mpeg .m4v .ts".split()
)


@dataclass(frozen=True)
class Listing:
    """What a folder holds.

    Attributes:
        files: of pictures and clips, by name.
        masks: the mask file of those that have one.
        clips: how many clips there are that are not read.
        others: pictures and videos of types that are not read.
    """

    files: tuple[Path, ...]
    masks: dict[Path, Path]
    clips: int = 0
    others: tuple[Path, ...] = ()

    @property
    def like_masks(self) -> list[Path]:
        """Files that are called as masks are, of no picture that is there."""
        return [file for file in self.files if _is_called_mask(file)]


def listed(folder: Path, subfolders: bool = False, moving: bool = False) -> Listing:
    """The pictures of a folder, and their masks; hidden files, and masks among the pictures, are left out.

    Args:
        subfolders: also of the folders below it; hidden ones and links are left out.
        moving: also its clips.

    Raises:
        PictureError: if the folder is missing, cannot be read or holds no picture, or if two share a name.
    """
    if not os.path.isdir(folder):
        raise PictureError(f"There is no folder {quoted(folder.name)}. Create it and put pictures into it.")
    found = [file for file in files_of(folder, subfolders) if not file.name.startswith(".")]
    gifs = {file: clips.is_moving(file) for file in found if _ends(file, (".gif",))}
    videos = [file for file in found if gifs.get(file) or _ends(file, clips.VIDEO_TYPES)]
    stills = [file for file in found if gifs.get(file) is False or _ends(file, PICTURE_TYPES)]
    by_stem = {file.with_suffix(""): file for file in stills + videos}
    of_mask = {
        file: by_stem[plain]
        for file in stills + videos
        if _is_called_mask(file) and (plain := file.with_name(file.stem[: -len(masks.ENDING)])) in by_stem
    }
    files = [file for file in stills + (videos if moving else []) if file not in of_mask]
    if not files:
        raise PictureError(_nothing(folder, len(videos), subfolders))
    _check_names(files)
    ordered = sorted(files, key=lambda file: file.relative_to(folder).as_posix().lower())
    return Listing(
        tuple(ordered),
        {picture: mask for mask, picture in of_mask.items()},
        0 if moving else len(videos),
        tuple(sorted(file for file in found if _ends(file, OTHER_TYPES))),
    )


def _ends(file: Path, endings: tuple[str, ...]) -> bool:
    return file.suffix.lower() in endings


def _is_called_mask(file: Path) -> bool:
    return file.stem.lower().endswith(masks.ENDING)


def files_of(folder: Path, subfolders: bool) -> list[Path]:
    """All files of a folder and, if asked for, of those below it; hidden folders and links to folders are left out.

    Raises:
        PictureError: if it cannot be read, or has too many.
    """
    try:
        if not subfolders:
            return [file for file in folder.iterdir() if file.is_file()]
        found: list[Path] = []
        for place, below, names in os.walk(folder, onerror=_raise):
            inner = Path(place)
            deep = len(inner.relative_to(folder).parts) >= DEEPEST
            below[:] = [] if deep else sorted(name for name in below if not name.startswith("."))
            found += [inner / name for name in names if (inner / name).is_file()]
            if len(found) > MOST:
                raise PictureError(
                    f"Folder {quoted(folder.name)} has more than {MOST:,} files. Choose one below it."
                )
        return found
    except OSError as error:
        raise PictureError(f"Folder {quoted(folder.name)} cannot be read ({error.strerror}).") from None


def _raise(error: OSError) -> None:
    raise error


def _nothing(folder: Path, videos: int, subfolders: bool) -> str:
    if videos:
        found = counted(videos, "clip")
        return f"Folder {quoted(folder.name)} holds {found} and no pictures. Set frames to read clips."
    below = "" if subfolders else " To read those in folders below it, turn on subfolders."
    return f"Folder {quoted(folder.name)} holds no pictures ({', '.join(PICTURE_TYPES)}).{below}"


def _check_names(files: Sequence[Path]) -> None:
    count = Counter(file.with_suffix("") for file in files)
    twice = [
        " and ".join(sorted(file.name for file in files if file.with_suffix("") == stem))
        for stem, number in count.items()
        if number > 1
    ]
    raise_all(
        [
            f"{names} have one name, so they would share a caption and be the same half of a pair. Rename one."
            for names in twice
        ],
        "names",
    )
