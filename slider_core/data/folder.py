"""The pictures and clips of a folder, with their captions and masks."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ..given import quoted
from ..settings import BucketSettings
from . import clips, masks
from .captions import captions_of
from .faults import PictureError, one_for_each, raise_all
from .pictures import PICTURE_TYPES, Picture, read_picture, read_with_alpha
from .sizing import Pixels

MOST = 100_000  # files of a folder and those below it
DEEPEST = 20  # folders within folders


@dataclass(frozen=True)
class Listing:
    """What a folder holds.

    Attributes:
        files: of pictures and clips, by name.
        masks: the mask file of those that have one.
        clips: how many clips there are that are not read.
    """

    files: tuple[Path, ...]
    masks: dict[Path, Path]
    clips: int = 0


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
    videos = [file for file in found if _ends(file, (*clips.VIDEO_TYPES, ".gif"))]
    stills = [file for file in found if _ends(file, PICTURE_TYPES)]
    by_stem = {file.with_suffix(""): file for file in stills + videos}
    of_mask = {
        file: by_stem[plain]
        for file in stills + videos
        if file.stem.endswith(masks.ENDING)
        and (plain := file.with_name(file.stem.removesuffix(masks.ENDING))) in by_stem
    }
    files = [file for file in stills + (videos if moving else []) if file not in of_mask]
    if not files:
        raise PictureError(_nothing(folder, len(videos), subfolders))
    _check_names(files)
    ordered = sorted(files, key=lambda file: file.relative_to(folder).as_posix().lower())
    return Listing(
        tuple(ordered), {picture: mask for mask, picture in of_mask.items()}, 0 if moving else len(videos)
    )


def _ends(file: Path, endings: tuple[str, ...]) -> bool:
    return file.suffix.lower() in endings


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
        return f"Folder {quoted(folder.name)} holds {videos} clips and no pictures. Set frames to read clips."
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


class FolderPictures(Sequence[Picture]):
    """The pictures and clips of a folder; each is read when it is asked for, its captions at once.

    Attributes:
        stills: how many pictures that are no clips were read.

    Args:
        captions, text_file: see `captions_of`.
        prompts: one for all pictures, or one for each.
        subfolders: also those in folders below.
        frames: of a clip; 1 leaves clips out.
        stride: a clip's frames are one of every so many.
        mask: where masks come from, one of `BucketSettings`' choices.
        given_masks: masks of ComfyUI's in place of the folder's, see `masks.masks_for`.

    Raises:
        PictureError: see `listed`; and for captions that are missing or cannot be used, all at once.
    """

    def __init__(
        self,
        folder: Path,
        captions: str = "prompt",
        prompts: Sequence[str] = ("",),
        *,
        text_file: str = "whole file",
        subfolders: bool = False,
        frames: int = 1,
        stride: int = 1,
        mask: str = "mask file",
        given_masks: Sequence[Tensor] = (),
    ):
        self.folder, self.frames, self.stride, self.mask = folder, frames, stride, mask
        self.stills = 0
        self.listing = listed(folder, subfolders, frames > 1)
        count = len(self.listing.files)
        where = f"Folder {quoted(folder.name)}"
        one_for_each(where, count, "prompts", len(prompts), (1, count))
        self.given_masks = masks.masks_for(where, given_masks, count, frames)
        self.captions: list[tuple[str, ...]] = []
        faults = []
        for index, file in enumerate(self.listing.files):
            try:
                self.captions.append(captions_of(file, captions, prompts[index % len(prompts)], text_file))
            except PictureError as fault:
                faults.append(str(fault))
        raise_all(faults, "captions")

    @classmethod
    def of(
        cls,
        settings: BucketSettings,
        folder: Path,
        prompts: Sequence[str] = (),
        given_masks: Sequence[Tensor] = (),
    ) -> FolderPictures:
        """The pictures that these settings ask for; `prompts` take the place of theirs."""
        return cls(
            folder,
            settings.captions,
            prompts or (settings.prompt,),
            text_file=settings.text_file,
            subfolders=settings.subfolders,
            frames=settings.frames,
            stride=settings.stride,
            mask=settings.mask_from,
            given_masks=given_masks,
        )

    @property
    def names(self) -> list[str]:
        """What pairs are found by: paths below the folder without their endings, `a/b`."""
        return list(map(self._name, self.listing.files))

    def _name(self, file: Path) -> str:
        return unicodedata.normalize("NFC", file.relative_to(self.folder).with_suffix("").as_posix())

    def __len__(self) -> int:
        return len(self.listing.files)

    def __getitem__(self, index: Any) -> Any:
        file, (caption, *others) = self.listing.files[index], self.captions[index]
        pixels, mask = self._read(file)
        name = self._name(file)
        if self.given_masks:
            mask = masks.given_mask(self.given_masks[index % len(self.given_masks)], f"picture {quoted(name)}")
        return Picture(name, pixels, caption, tuple(others), mask)

    def _read(self, file: Path) -> tuple[Pixels, Pixels | None]:
        mask = self.listing.masks.get(file) if self.mask == "mask file" else None
        if self.frames > 1 and clips.is_moving(file):
            of_frames = self._of_clip(mask) if mask else None
            return clips.read_clip(file, self.frames, self.stride), of_frames
        self.stills += 1
        if self.mask == "alpha channel":
            return read_with_alpha(file)
        return read_picture(file), masks.read_mask(mask) if mask else None

    def _of_clip(self, mask: Path) -> Pixels:
        """One mask for all frames, or one for each."""
        if not clips.is_moving(mask):
            return masks.read_mask(mask)
        return [frame.convert("L") for frame in clips.read_clip(mask, self.frames, self.stride)]
