"""The buckets of a config before anything is loaded."""

from __future__ import annotations

import torch

from ..data import Bucket, CycleError, Example, PictureError
from ..data.bucket import MIRRORED
from ..data.folder import FolderPictures
from ..encoding import numbered
from .plan import BucketPlan


def named(plan: BucketPlan) -> tuple[Bucket, ...]:
    """A bucket with nothing but the names and captions of its pictures: enough to check the cycle.

    Raises:
        CycleError: for numbers of pictures that make no slider.
    """
    pictures = FolderPictures.of(plan.settings, plan.folder)
    copies = ("", MIRRORED) if plan.settings.mirrored else ("",)
    examples = tuple(
        Example(name + copy, captions[0], torch.empty(1, 1, 1, 1), [])
        for name, captions in zip(pictures.names, pictures.captions, strict=True)
        for copy in copies
    )
    bucket = Bucket.of(plan.settings, examples)
    try:
        return numbered(bucket, plan.numbers, lambda caption: [])[0] if plan.numbers else (bucket,)
    except PictureError as error:
        raise CycleError(str(error)) from None
