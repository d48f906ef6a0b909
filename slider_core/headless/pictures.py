"""Buckets of a config, each picture and caption encoded once however many sliders use it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..config import BucketPlan, DatasetPlan
from ..data import Bucket, Example
from ..data.controls import Controls
from ..data.folder import FolderPictures
from ..data.notes import notes_on
from ..data.sizing import Sizing
from ..encoding import Cache, Chain, Encoders, encoded, encoded_chain, numbered
from ..given import quoted
from .models import Loaded


class Pictures:
    """Encodes buckets, and keeps what is encoded.

    Args:
        cache: where it is kept on disk too, for other runs; None keeps it in memory alone.
        on_picture: called after each picture that was encoded.

    Attributes:
        notes: what is to be said of the pictures, in sentences.
    """

    def __init__(
        self,
        loaded: Loaded,
        cache: Cache | None = None,
        on_picture: Callable[[int], None] = lambda done: None,
    ):
        self.loaded, self.on_picture = loaded, on_picture
        self.notes: list[str] = []
        self._kept = Encoders(loaded.vae, loaded.clip, cache)
        self._passing = Encoders(loaded.vae, loaded.clip)
        self._known: dict[Hashable, tuple[Example, ...]] = {}
        self._chains: dict[Hashable, Chain] = {}

    def buckets(self, plan: BucketPlan) -> tuple[Bucket, ...]:
        """The bucket with its examples; up to three where each picture has a number."""
        bucket = self._bucket(plan)
        if plan.numbers is None:
            return (bucket,)
        made, notes = numbered(bucket, plan.numbers, self.prompt)
        self.notes += [f"bucket {quoted(bucket.name)}: {note}" for note in notes]
        return made

    def _bucket(self, plan: BucketPlan) -> Bucket:
        settings = replace(plan.settings, name="", slider_strength=0.0, probability=1.0, repeats=1)
        key = (plan.folder, plan.control_folder, settings)  # what decides how its pictures are encoded
        if key not in self._known:
            self._known[key] = self._encoded(plan)
        return Bucket.of(plan.settings, self._known[key])

    def dataset(self, plan: DatasetPlan) -> Chain:
        """The buckets of SimpleTuner's files."""
        key = (plan.file, plan.config)
        if key not in self._chains:
            with torch.inference_mode():
                self._chains[key] = encoded_chain(
                    plan.dataset, plan.roots, self._kept, lambda done, of: self.on_picture(done)
                )
            self.notes += [f"{plan.file.name}: {line}" for line in self._chains[key].lacking]
            self.notes += [f"{plan.config.name}: {note}" for note in plan.notes if plan.config]
        return self._chains[key]

    def finished(self) -> list[str]:
        """The notes, and what was taken from the disk; makes room there."""
        return [*dict.fromkeys(self.notes), *self._kept.finished()]

    def _encoded(self, plan: BucketPlan) -> tuple[Example, ...]:
        settings, source = plan.settings, FolderPictures.of(plan.settings, plan.folder)
        controls: Sequence[Tensor] = ()
        if folder := plan.control_folder:
            controls = Controls(folder, source.names, f"folder {quoted(folder.name)}")
        encoders = self._kept if settings.keep_encoded else self._passing
        with torch.inference_mode():
            examples = encoded(
                source,
                encoders,
                Sizing.of(settings),
                controls,
                on_picture=self.on_picture,
                mirrored=settings.mirrored,
            )
        notes = notes_on(source, settings, examples)
        self.notes += [f"bucket {quoted(settings.name)}: {note}" for note in notes]
        return examples

    def prompt(self, text: str) -> list[Any]:
        """CONDITIONING of a text."""
        with torch.inference_mode():
            return self._kept.conditioning(text)
