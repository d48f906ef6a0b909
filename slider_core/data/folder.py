"""The pictures and clips of a folder, with their captions and masks."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from ..given import quoted
from ..settings import BucketSettings
from . import clips, masks
from .captions import captions_of
from .faults import PictureError, one_for_each, raise_all
from .listing import listed
from .pictures import Picture, read_picture, read_with_alpha
from .sizing import Pixels


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
