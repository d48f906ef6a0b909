"""What is to be said of pictures that were not used, or not as asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..given import counted
from ..settings import BucketSettings
from .bucket import Example
from .folder import FolderPictures


def notes_on(source: Sequence[Any], settings: BucketSettings, examples: Sequence[Example]) -> list[str]:
    """Sentences on the pictures of a bucket, and the examples that were made of them."""
    notes = []
    if small := len(source) - len(examples) // (1 + settings.mirrored):
        notes.append(
            f"{small} of {counted(len(source), 'picture')} {'is' if small == 1 else 'are'} smaller than "
            f"{settings.minimum_size} and left out."
        )
    if isinstance(source, FolderPictures) and source.listing.clips:
        notes.append(f"{counted(source.listing.clips, 'clip')} not read; set frames to read clips.")
    if isinstance(source, FolderPictures) and source.stills and settings.frames > 1:
        notes.append("frames is for clips and connected images; in a folder each picture stands for itself.")
    return notes
