"""From the inputs of Load Slider Bucket to a bucket and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import folder_paths
from comfy.utils import ProgressBar

from ..slider_core.data import Bucket, Example, PictureError
from ..slider_core.data.faults import bucket, one_for_each
from ..slider_core.data.folder import FolderPictures
from ..slider_core.data.masks import masks_for
from ..slider_core.data.notes import notes_on
from ..slider_core.data.overlap import same_on_both_sides
from ..slider_core.data.sizing import Sizing
from ..slider_core.encoding import Cache, Encoders, encoded
from ..slider_core.encoding.latents import (
    check_conditionings,
    conditionings_of,
    examples_of,
    masks_in,
    one_by_one,
)
from ..slider_core.given import quoted
from ..slider_core.settings import BucketSettings
from .bucket_sources import NO_FOLDER, FromGraph, controls_of, of_images, of_videos, only_one, there
from .input_folder import input_path

Examples = tuple[tuple[Example, ...], list[str]]  # and notes on them


def cache_folder() -> Path:
    """Where encoded pictures and captions are kept: below ComfyUI's user folder, where no page can read."""
    return Path(folder_paths.get_system_user_directory("concept_sliders"), "encoded")


@dataclass(frozen=True)
class BucketMaking:
    """The inputs of Load Slider Bucket; those of which there can be several are lists."""

    settings: BucketSettings
    folder: str
    prompt: list[str]
    vae: Any
    clip: Any = None
    images: Any = None
    control_images: Any = None
    conditioning: Any = None
    buckets: Any = ()
    latents: Any = None
    videos: Any = None
    masks: Any = None
    names: Any = None

    def made(self) -> tuple[tuple[Bucket, ...], str]:
        """The buckets so far and this one, and the report.

        Raises:
            ValueError: for whatever is missing or cannot be used.
        """
        if self.clip is None and not there(self.conditioning):
            raise ValueError(
                "There is nothing to encode captions with: connect clip (where a checkpoint has no text encoder, load "
                "it with a node of its own), or a conditioning that all pictures share."
            )
        check_conditionings(f"bucket {quoted(self.settings.name)}", there(self.conditioning))
        cache = Cache(cache_folder()) if self.settings.keep_encoded else None
        encoders = Encoders(self.vae, self.clip, cache)
        examples, notes = (
            self._of_latents(encoders) if self._socket == "latents" else self._of_pictures(encoders)
        )
        new = Bucket.of(self.settings, examples)
        chain = (*(earlier for chained in there(self.buckets) for earlier in chained), new)
        notes += [*self._of_captions(), *same_on_both_sides(chain), *encoders.finished()]
        return chain, "\n".join([*(one.summary() for one in chain), *(f"Note: {note}" for note in notes)])

    @property
    def _socket(self) -> str:
        sources = {name: getattr(self, name) for name in ("images", "videos", "latents")}
        connected = {name: bool(there(value)) or value == [] for name, value in sources.items()}
        return only_one(self.settings.name, connected)

    def _of_pictures(self, encoders: Encoders) -> Examples:
        source = self._source()
        count, conditionings = len(source), there(self.conditioning)
        controls = controls_of(there(self.control_images))
        where = bucket(self.settings.name)
        one_for_each(where, count, "control images", len(controls), (0, count))
        one_for_each(where, count, "conditionings", len(conditionings), (0, 1, count))
        done, sizing = ProgressBar(count).update_absolute, Sizing.of(self.settings)
        examples = encoded(source, encoders, sizing, controls, conditionings, done, self.settings.mirrored)
        notes = notes_on(source, self.settings, examples)
        if self._socket == "videos" and self.settings.frames == 1:
            notes.append("frames is 1, so only the first frame of each video is used.")
        return examples, notes

    def _source(self) -> Sequence[Any]:
        settings, masks = self.settings, there(self.masks)
        if self._socket:
            values = there(getattr(self, self._socket))
            if self._socket == "images":
                reads = of_images(settings.name, values, settings.frames)
            else:
                reads = of_videos(settings.name, values, settings.frames, settings.stride)
            return FromGraph(settings.name, reads, self.prompt, there(self.names), masks, settings.frames)
        if self.folder == NO_FOLDER:
            raise ValueError("This bucket has no pictures: choose a folder, or connect images.")
        if there(self.names):
            raise ValueError(
                "Pictures of a folder have names already. Disconnect names, or connect the pictures too."
            )
        return FolderPictures.of(settings, input_path(self.folder), self.prompt, masks)

    def _of_latents(self, encoders: Encoders) -> Examples:
        values, where = there(self.latents), bucket(self.settings.name)
        latents, names = one_by_one(values), there(self.names)
        count = len(latents)
        if not count:
            raise PictureError(f"The latents input of {where} got an empty list. Give it latents.")
        if there(self.control_images):
            raise PictureError(
                "Control images cannot be cut as latents were. Connect the pictures, not their latents."
            )
        one_for_each(where, count, "prompts", len(self.prompt), (1, count))
        one_for_each(where, count, "names", len(names), (0, count))
        masks = masks_for(where, there(self.masks), count) or masks_in(values)
        examples = examples_of(
            latents,
            encoders,
            self.prompt * count if len(self.prompt) == 1 else self.prompt,
            conditionings_of(values, there(self.conditioning)),
            masks * count if len(masks) == 1 else masks,
            names,
        )
        return examples, []

    def _of_captions(self) -> list[str]:
        captions = self.settings.captions
        if self._socket and captions != "prompt":
            return [f"connected {self._socket} have no {captions}, so their caption is the prompt."]
        return []
