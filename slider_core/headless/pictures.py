"""Buckets of a config, each folder encoded once however many sliders use it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ..config import BucketPlan
from ..data import Bucket, Example
from ..data.encode import encoded
from ..data.folder import FromFolder
from ..data.pictures import picture_files, read_pixels
from .models import Loaded

# What of a bucket's settings decides how its pictures are encoded.
DECIDING = ("captions", "prompt", "resolution")


class Pictures:
    """Encodes buckets, and keeps what is encoded.

    Args:
        on_picture: called after each picture that was encoded.
    """

    def __init__(self, loaded: Loaded, on_picture: Callable[[int], None] = lambda done: None):
        self.loaded, self.on_picture = loaded, on_picture
        self._known: dict[tuple[Any, ...], tuple[Example, ...]] = {}

    def bucket(self, plan: BucketPlan) -> Bucket:
        """The bucket with its examples."""
        key = (plan.folder, plan.control_folder, *(getattr(plan.settings, name) for name in DECIDING))
        if key not in self._known:
            self._known[key] = self._encoded(plan)
        return Bucket.of(plan.settings, self._known[key])

    def _encoded(self, plan: BucketPlan) -> tuple[Example, ...]:
        source = FromFolder(plan.settings, plan.folder, [plan.settings.prompt])
        controls = []
        if plan.control_folder:
            by_name = {file.stem: file for file in picture_files(plan.control_folder)}
            controls = [read_pixels(by_name[file.stem]) for file in source.files]
        with torch.inference_mode():
            return encoded(
                source,
                self.loaded.vae,
                self.loaded.clip,
                plan.settings.resolution,
                controls,
                on_picture=self.on_picture,
            )

    def prompt(self, text: str) -> list[Any]:
        """CONDITIONING of a text."""
        clip = self.loaded.clip
        with torch.inference_mode():
            return list(clip.encode_from_tokens_scheduled(clip.tokenize(text)))
