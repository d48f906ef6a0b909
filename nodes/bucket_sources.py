"""Where the pictures of a bucket come from: a folder, or the graph. They are given one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..slider_core.given import quoted
from .input_folder import input_path

NO_FOLDER = "[connected images]"


def given(values) -> list:
    """The values of an optional input that are there."""
    return [value for value in values or () if value is not None]


def one_for_each(name: str, pictures: int, what: str, found: int, allowed: Sequence[int]) -> None:
    """Raises ValueError where the number of something does not fit that of the pictures."""
    if found not in allowed:
        raise ValueError(
            f"Bucket {quoted(name)} has {pictures} pictures but {found} {what}. Give one for each."
        )


class FromFolder:
    """The pictures of a folder, read one at a time when they are iterated over; their captions are read at once."""

    def __init__(self, name: str, folder: str, captions: str, prompts: list[str]):
        from ..slider_core.data.pictures import caption_of, picture_files

        if folder == NO_FOLDER:
            raise ValueError("This bucket has no pictures: choose a folder, or connect images.")
        self.files = picture_files(input_path(folder))
        one_for_each(name, len(self.files), "prompts", len(prompts), (1, len(self.files)))
        prompts = prompts * len(self.files) if len(prompts) == 1 else prompts
        self.captions = [
            caption_of(file, captions, prompt) for file, prompt in zip(self.files, prompts, strict=True)
        ]

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator:
        from ..slider_core.data.pictures import Picture, read_picture

        for file, caption in zip(self.files, self.captions, strict=True):
            yield Picture(file.stem, read_picture(file), caption)


class FromGraph:
    """Pictures, or clips of so many frames, of batches from the graph."""

    def __init__(self, name: str, batches: list, frames: int, prompts: list[str]):
        if not batches:
            raise ValueError(f"The images input of bucket {quoted(name)} got an empty list. Give it pictures.")
        self.frames, self.batches = frames, _checked(batches)
        for batch in self.batches:
            if len(batch) % frames:
                raise ValueError(
                    f"{len(batch)} images cannot be cut into clips of {frames} frames. Give a multiple of {frames}."
                )
        one_for_each(name, len(self), "prompts", len(prompts), (1, len(self)))
        self.prompts = prompts * len(self) if len(prompts) == 1 else prompts

    def __len__(self) -> int:
        return sum(len(batch) // self.frames for batch in self.batches)

    def __iter__(self) -> Iterator:
        from ..slider_core.data.pictures import Picture, checked_pixels

        step = self.frames
        clips = (batch[at : at + step] for batch in self.batches for at in range(0, len(batch), step))
        for index, (clip, prompt) in enumerate(zip(clips, self.prompts, strict=True)):
            pixels = checked_pixels(clip if step > 1 else clip[0], f"connected image {index}")
            yield Picture(f"{index:03}", pixels, prompt)


def pixels_of(batches: list, what: str) -> Iterator:
    """The pictures [H, W, 3] of batches, one after the other."""
    from ..slider_core.data.pictures import checked_pixels

    pictures = (picture for batch in _checked(batches) for picture in batch)
    return (checked_pixels(picture, f"{what} {index}") for index, picture in enumerate(pictures))


def _checked(batches: list) -> list:
    from ..slider_core.data.pictures import checked_shape

    return list(map(checked_shape, batches))
