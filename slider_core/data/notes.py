"""What is to be said of pictures that were not used, or not as asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..given import counted
from ..settings import BucketSettings
from .bucket import Example
from .faults import first_of
from .folder import FolderPictures
from .listing import Listing


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
    if isinstance(source, FolderPictures):
        notes += notes_on_files(source.listing)
    empty = [e.name for e in examples if not e.caption] if settings.captions == "text file" else []
    if empty:
        notes.append(f"{counted(len(empty), 'caption is', 'captions are')} empty: {first_of(empty)}.")
    return notes


def notes_on_files(listing: Listing) -> list[str]:
    """Sentences on files of a folder that are not what they seem."""
    notes = [
        f"{file.name} is read as a picture: there is none that it is the mask of."
        for file in listing.like_masks[:5]
    ]
    if listing.others:
        one = len(listing.others) == 1
        notes.append(
            f"{counted(len(listing.others), 'file')} {'is' if one else 'are'} of a type that is not read: "
            f"{first_of([file.name for file in listing.others])}. Save {'it' if one else 'them'} as PNG, or as MP4."
        )
    return notes
