"""The pictures of a folder, given one at a time, and their captions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..given import quoted
from ..settings import BucketSettings
from .pictures import Picture, PictureError, caption_of, picture_files, read_picture


def one_for_each(name: str, pictures: int, what: str, found: int, allowed: Sequence[int]) -> None:
    """Raises PictureError where the number of something does not fit that of the pictures of a bucket."""
    if found not in allowed:
        raise PictureError(
            f"Bucket {quoted(name)} has {pictures} pictures but {found} {what}. Give one for each."
        )


class FromFolder:
    """The pictures of a folder, read when they are iterated over; their captions are read at once.

    Args:
        prompts: the caption of all pictures, or one for each, where the settings say that captions are prompts.
    """

    def __init__(self, settings: BucketSettings, folder: Path, prompts: Sequence[str]):
        self.files = picture_files(folder)
        one_for_each(settings.name, len(self.files), "prompts", len(prompts), (1, len(self.files)))
        each = list(prompts) * len(self.files) if len(prompts) == 1 else prompts
        self.captions = [
            caption_of(file, settings.captions, prompt) for file, prompt in zip(self.files, each, strict=True)
        ]

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[Picture]:
        for file, caption in zip(self.files, self.captions, strict=True):
            yield Picture(file.stem, read_picture(file), caption)
