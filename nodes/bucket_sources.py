"""Where the pictures of a bucket come from: a folder, or the graph. They are given one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..slider_core.given import quoted
from .input_folder import input_path

if TYPE_CHECKING:
    from ..slider_core.data.pictures import Picture

NO_FOLDER = "[connected images]"


def there(values: Sequence[Any] | None) -> list[Any]:
    """The values of an optional input that are there."""
    return [value for value in values or () if value is not None]


def folder_of(name: str) -> Path:
    """The folder that was chosen.

    Raises:
        ValueError: if none was.
    """
    if name == NO_FOLDER:
        raise ValueError("This bucket has no pictures: choose a folder, or connect images.")
    return input_path(name)


class FromGraph:
    """Pictures, or clips of so many frames, of batches from the graph."""

    def __init__(self, name: str, batches: list[torch.Tensor], frames: int, prompts: list[str]):
        from ..slider_core.data.folder import one_for_each

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

    def __iter__(self) -> Iterator[Picture]:
        from ..slider_core.data.pictures import Picture, checked_pixels

        step = self.frames
        clips = (batch[at : at + step] for batch in self.batches for at in range(0, len(batch), step))
        for index, (clip, prompt) in enumerate(zip(clips, self.prompts, strict=True)):
            pixels = checked_pixels(clip if step > 1 else clip[0], f"connected image {index}")
            yield Picture(f"{index:03}", pixels, prompt)


def pixels_of(batches: list[torch.Tensor], what: str) -> Iterator[torch.Tensor]:
    """The pictures [H, W, 3] of batches, one after the other."""
    from ..slider_core.data.pictures import checked_pixels

    pictures = (picture for batch in _checked(batches) for picture in batch)
    return (checked_pixels(picture, f"{what} {index}") for index, picture in enumerate(pictures))


def _checked(batches: list[torch.Tensor]) -> list[torch.Tensor]:
    from ..slider_core.data.pictures import checked_shape

    return list(map(checked_shape, batches))
