"""From the inputs of Load Slider Bucket to a bucket and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import folder_paths
from comfy.utils import ProgressBar

from ..slider_core.data import Bucket, Example, PictureError
from ..slider_core.data.cache import Cache
from ..slider_core.data.encode import encoded
from ..slider_core.data.encoders import Encoders
from ..slider_core.data.faults import bucket, one_for_each
from ..slider_core.data.folder import FolderPictures
from ..slider_core.data.latents import conditionings_of, examples_of, masks_in, one_by_one
from ..slider_core.data.masks import masks_for
from ..slider_core.data.overlap import same_on_both_sides
from ..slider_core.data.sizing import Sizing, of_megapixels
from .bucket_sources import NO_FOLDER, FromGraph, controls_of, given, of_images, of_videos, only_one
from .input_folder import input_path


def cache_folder() -> Path:
    """Where encoded pictures and captions are kept: below ComfyUI's user folder, where no page can read."""
    return Path(folder_paths.get_system_user_directory("concept_sliders"), "encoded")


@dataclass(frozen=True)
class BucketMaking:
    """The inputs of Load Slider Bucket; those of which there can be several are lists."""

    name: str
    slider_strength: float
    folder: str
    captions: str
    prompt: list[str]
    vae: Any
    resolution: int
    probability: float
    repeats: int
    frames: int = 1
    clip: Any = None
    images: Any = None
    control_images: Any = None
    conditioning: Any = None
    buckets: Any = ()
    latents: Any = None
    videos: Any = None
    masks: Any = None
    names: Any = None
    subfolders: bool = False
    text_file: str = "whole file"
    stride: int = 1
    mask_from: str = "mask file"
    size_by: str = "area"
    megapixels: float = 1.0
    crop: str = "keep shape"
    minimum_size: int = 0
    mirrored: bool = False
    keep_encoded: bool = True

    def made(self) -> tuple[tuple[Bucket, ...], str]:
        """The buckets so far and this one, and the report.

        Raises:
            ValueError: for whatever is missing or cannot be used.
        """
        if self.clip is None and not given(self.conditioning):
            raise ValueError(
                "There is nothing to encode captions with: connect clip (where a checkpoint has no text encoder, load "
                "it with a node of its own), or a conditioning that all pictures share."
            )
        cache = Cache(cache_folder()) if self.keep_encoded else None
        encoders = Encoders(self.vae, self.clip, cache)
        examples, notes = (
            self._of_latents(encoders) if self._socket == "latents" else self._of_pictures(encoders)
        )
        new = Bucket(self.name, examples, self.slider_strength or None, self.probability, self.repeats)
        chain = (*(earlier for chained in given(self.buckets) for earlier in chained), new)
        notes += [*self._of_captions(), *same_on_both_sides(chain), *_of_cache(cache, encoders)]
        return chain, "\n".join([*map(_described, chain), *(f"Note: {note}" for note in notes)])

    @property
    def _socket(self) -> str:
        sources = {name: getattr(self, name) for name in ("images", "videos", "latents")}
        return only_one(self.name, {name: bool(given(value)) or value == [] for name, value in sources.items()})

    @property
    def _sizing(self) -> Sizing:
        if self.size_by == "megapixels":
            return Sizing(of_megapixels(self.megapixels), "area", self.crop, self.minimum_size)
        return Sizing(self.resolution, self.size_by, self.crop, self.minimum_size)

    def _of_pictures(self, encoders: Encoders) -> tuple[tuple[Example, ...], list[str]]:
        source = self._source()
        count, conditionings = len(source), given(self.conditioning)
        controls = controls_of(given(self.control_images))
        one_for_each(bucket(self.name), count, "control images", len(controls), (0, count))
        one_for_each(bucket(self.name), count, "conditionings", len(conditionings), (0, 1, count))
        bar = ProgressBar(count)
        examples = encoded(
            source, encoders, self._sizing, controls, conditionings, bar.update_absolute, self.mirrored
        )
        notes = []
        if left_out := count - len(examples) // (1 + self.mirrored):
            notes.append(
                f"{left_out} of {count} pictures are smaller than {self.minimum_size} and were left out."
            )
        if isinstance(source, FolderPictures) and source.listing.clips:
            notes.append(f"{source.listing.clips} clips are not read; set frames to read them.")
        if isinstance(source, FolderPictures) and source.stills and self.frames > 1:
            notes.append(
                "frames is for clips and connected images; in a folder each picture stands for itself."
            )
        if self._socket == "videos" and self.frames == 1:
            notes.append("frames is 1, so only the first frame of each video is used.")
        return examples, notes

    def _source(self) -> Sequence[Any]:
        if self._socket:
            values = given(getattr(self, self._socket))
            if self._socket == "images":
                reads = of_images(self.name, values, self.frames)
            else:
                reads = of_videos(self.name, values, self.frames, self.stride)
            return FromGraph(self.name, reads, self.prompt, given(self.names), given(self.masks), self.frames)
        if self.folder == NO_FOLDER:
            raise ValueError("This bucket has no pictures: choose a folder, or connect images.")
        if given(self.names):
            raise ValueError(
                "Pictures of a folder have names already. Disconnect names, or connect the pictures too."
            )
        return FolderPictures(
            input_path(self.folder),
            self.captions,
            self.prompt,
            text_file=self.text_file,
            subfolders=self.subfolders,
            frames=self.frames,
            stride=self.stride,
            mask=self.mask_from,
            given_masks=given(self.masks),
        )

    def _of_latents(self, encoders: Encoders) -> tuple[tuple[Example, ...], list[str]]:
        values = given(self.latents)
        latents, names = one_by_one(values), given(self.names)
        count = len(latents)
        if not count:
            raise PictureError(f"The latents input of {bucket(self.name)} got an empty list. Give it latents.")
        if given(self.control_images):
            raise PictureError(
                "Control images cannot be cut as latents were. Connect the pictures, not their latents."
            )
        one_for_each(bucket(self.name), count, "prompts", len(self.prompt), (1, count))
        one_for_each(bucket(self.name), count, "names", len(names), (0, count))
        masks = masks_for(bucket(self.name), given(self.masks), count) or masks_in(values)
        examples = examples_of(
            latents,
            encoders,
            self.prompt * count if len(self.prompt) == 1 else self.prompt,
            conditionings_of(values, given(self.conditioning)),
            masks * count if len(masks) == 1 else masks,
            names,
        )
        return examples, []

    def _of_captions(self) -> list[str]:
        if self._socket and self.captions != "prompt":
            return [f"connected {self._socket} have no {self.captions}, so their caption is the prompt."]
        return []


def _of_cache(cache: Cache | None, encoders: Encoders) -> list[str]:
    if cache is None:
        return []
    if encoders.asked:
        cache.trim()
    notes = (
        [f"{cache.found} of {cache.found + encoders.asked} encodings were kept from before."]
        if cache.found
        else []
    )
    return [*notes, *([f"what was encoded is not kept: {cache.trouble}"] if cache.trouble else [])]


def _described(bucket: Bucket) -> str:
    shapes: dict[str, int] = {}
    for example in bucket.examples:
        size = "×".join(map(str, example.latent.shape[2:]))
        shapes[size] = shapes.get(size, 0) + 1
    sizes = ", ".join(f"{count} of {size}" for size, count in shapes.items())
    strength = f"{bucket.strength:+g}" if bucket.sign else "neutral"
    captions = len({one.caption for example in bucket.examples for one in (example, *example.variants)})
    masks = sum(example.mask is not None for example in bucket.examples)
    ending = f", {masks} masks" if masks else ""
    return f"{bucket.name}: {len(bucket.examples)} pictures at {strength}, latents {sizes}, {captions} captions{ending}"
