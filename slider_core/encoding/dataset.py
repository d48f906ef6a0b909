"""The buckets of a dataset file, encoded, and the report on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ..data.bucket import Bucket, Example
from ..data.controls import Controls, files_by_name
from ..data.faults import PictureError
from ..data.notes import notes_on_files
from ..data.simpletuner.backend import Backend
from ..data.simpletuner.entry import DatasetError
from ..data.simpletuner.pictures import BackendPictures
from ..data.simpletuner.places import place_of
from ..data.simpletuner.reading import Dataset
from ..given import quoted
from .encode import encoded
from .encoders import Encoders

# What errors call our widgets, and the keys that do the same.
THEIRS = {
    "set captions to 'file name' or 'prompt'": "set caption_strategy to filename or instanceprompt",
    "Lower minimum_size": "Lower minimum_image_size",
    "Set frames to read clips": "Set dataset_type to video, with video.num_frames above 1",
    "Lower frames": "Lower video.num_frames",
}


@dataclass(frozen=True)
class Chain:
    """What was made of a file.

    Attributes:
        buckets: to train on, in the file's order.
        held_out: those of datasets of type eval.
        report: what became of every dataset and key, and what is missing.
    """

    buckets: tuple[Bucket, ...]
    held_out: tuple[Bucket, ...]
    report: str

    @property
    def lacking(self) -> list[str]:
        """The lines of the report on what is missing, or would change the result and is not done."""
        return [
            line.strip() for line in self.report.splitlines() if "NOT " in line or line.startswith("Note: ")
        ]


def encoded_chain(
    dataset: Dataset,
    roots: Sequence[Path],
    encoders: Encoders,
    on_picture: Callable[[int, int], None] = lambda done, of: None,
) -> Chain:
    """Reads and encodes the pictures of every dataset. Files are only read: nothing is written or deleted.

    Args:
        roots: folders that the datasets may lie in.
        on_picture: called with the number of pictures done and that of all.

    Raises:
        DatasetError: for a folder that is missing or lies outside, and where nothing is left to train on.
        PictureError: for pictures, captions, masks and control pictures that are missing or cannot be used.
    """
    trained = [backend for backend in dataset.backends if backend.kind in ("image", "video", "eval")]
    sources = [_Source(dataset, backend, roots) for backend in trained]
    count, done, buckets = sum(len(source.pictures) for source in sources), 0, []
    for source in sources:
        start = done
        buckets.append(source.bucket(encoders, lambda n, start=start: on_picture(start + n, count)))  # type: ignore[misc]
        done += len(source.pictures)
    made = list(zip(trained, buckets, strict=True))
    used = tuple(bucket for backend, bucket in made if backend.kind != "eval")
    if not used:
        raise DatasetError(
            "No dataset of the file is left to train on: each is disabled, never drawn, held out or a "
            "cache. Enable one."
        )
    held_out = tuple(bucket for backend, bucket in made if backend.kind == "eval")
    return Chain(used, held_out, _report(dataset, sources, buckets))


def unencoded(dataset: Dataset, roots: Sequence[Path]) -> tuple[Bucket, ...]:
    """The buckets to train on with nothing but the names of their pictures: enough to check a cycle.

    Raises:
        DatasetError, PictureError: see `encoded_chain`.
    """
    nothing: Any = None
    made = []
    for backend in (one for one in dataset.backends if one.kind in ("image", "video", "eval")):
        names = _Source(dataset, backend, roots).pictures.names
        examples = tuple(Example(name, "", nothing, []) for name in names)
        if backend.kind != "eval":
            made.append(Bucket(backend.id, examples, backend.strength, backend.probability, backend.repeats))
    return tuple(made)


class _Source:
    """A dataset with its pictures, and what goes with them."""

    def __init__(self, dataset: Dataset, backend: Backend, roots: Sequence[Path]):
        self.backend = backend
        self.place = place_of(backend.folder, roots, _folder_of(backend))
        beside = {
            other.kind: (other, place_of(other.folder, roots, _folder_of(other)))
            for other in dataset.conditioning_of(backend)
        }
        self.masks, self.control = beside.get("mask"), beside.get("controlnet")
        try:
            masks = files_by_name(self.masks[1]) if self.masks else None
            self.pictures = BackendPictures(backend, self.place, masks)
            self.controls = self._controls()
        except PictureError as error:
            raise _in_their_words(backend, error) from None

    def _controls(self) -> Sequence[Tensor]:
        if not self.control:
            return ()
        other, place = self.control
        return Controls(place, self.pictures.names, f"dataset {quoted(other.id)}")

    def bucket(self, encoders: Encoders, on_picture: Callable[[int], None]) -> Bucket:
        backend = self.backend
        try:
            examples = encoded(self.pictures, encoders, backend.sizing, self.controls, on_picture=on_picture)
        except PictureError as error:
            raise _in_their_words(backend, error) from None
        return Bucket(backend.id, examples, backend.strength, backend.probability, backend.repeats)

    def described(self, bucket: Bucket) -> str:
        strength = f"at {bucket.strength:+g}" if bucket.sign else "neutral"
        use = f"held out, {strength}" if self.backend.kind == "eval" else strength
        small = len(self.pictures) - len(bucket.examples)
        notes = [
            f"{small} too small",
            f"{len(self.pictures.all) - len(self.pictures)} not chosen",
            f"{self.pictures.all.listing.clips} clips not read",
        ]
        left_out = ", ".join(note for note in notes if not note.startswith("0 "))
        return f"{len(bucket.examples)} of {len(self.pictures.all)} pictures, {use}" + (
            f" ({left_out})" if left_out else ""
        )


def _folder_of(backend: Backend) -> str:
    return f"Dataset {quoted(backend.id)}: instance_data_dir"


def _in_their_words(backend: Backend, error: PictureError) -> PictureError:
    """The error with the keys of the file in the place of widgets."""
    text = str(error)
    for ours, theirs in THEIRS.items():
        text = text.replace(ours, theirs)
    return PictureError(f"Dataset {quoted(backend.id)}: {text}")


def _report(dataset: Dataset, sources: Sequence[_Source], buckets: Sequence[Bucket]) -> str:
    found = {s.backend.id: s.described(bucket) for s, bucket in zip(sources, buckets, strict=True)}
    beside = {other.id: other.kind for other in dataset.backends if other.kind in ("controlnet", "mask")}
    lines = []
    for name, said in dataset.said.items():
        use = found.get(name) or ("goes with other pictures" if name in beside else "left out")
        lines += [f"{name}: {use}", *said]
    return "\n".join([*lines, *_notes(buckets, sources)])


def _notes(buckets: Sequence[Bucket], sources: Sequence[_Source]) -> list[str]:
    signs = [b.sign for b, s in zip(buckets, sources, strict=True) if s.backend.kind != "eval"]
    sides = {+1: "positive (slider_strength 0.5)", -1: "negative (slider_strength -0.5)"}
    missing = [name for sign, name in sides.items() if sign not in signs]
    return [
        *(f"Note: {s.backend.id}: {note}" for s in sources for note in notes_on_files(s.pictures.all.listing)),
        *(f"Note: there is no {name} dataset." for name in missing),
    ]
