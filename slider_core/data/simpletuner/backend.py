"""A dataset of `multidatabackend.json`: what its keys ask for, in our words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..sizing import Sizing
from .entry import DatasetError, Entry
from .values import (
    captions_of,
    conditioned_by,
    frames_of,
    most_of,
    one_a_line_of,
    probability_of,
    repeats_of,
    sizing_of,
    strength_of,
)

TYPES = ("image", "video", "conditioning", "eval")
IGNORED = (
    "text_embeds",
    "image_embeds",
    "conditioning_image_embeds",
    "distillation_cache",
    "audio_embeds",
    "caption_embeds",
)
CONDITIONINGS = ("controlnet", "mask")


@dataclass(frozen=True)
class Backend:
    """A dataset, ready to be read.

    Attributes:
        kind: `image`, `video`, `eval` (held out), or `controlnet` or `mask` for a conditioning dataset.
        folder: as the file writes it.
        strength: None for a neutral one.
        captions: strategy; `prompts` replace the captions or, with `prepend`, stand before them.
        conditioned_by: ids of conditioning datasets; `source` is the other way round.
        most: how many pictures are used at most; 0 for all.
        repeats: how often each comes, once at least.
    """

    id: str
    kind: str
    folder: str
    strength: float | None
    captions: str
    one_a_line: bool
    prompts: tuple[str, ...]
    prepend: bool
    sizing: Sizing
    frames: int
    most: int
    repeats: int
    probability: float
    conditioned_by: tuple[str, ...]
    source: str


def read_backend(entry: Entry, name: str, defaults: Mapping[str, Any]) -> Backend | None:
    """The dataset of an entry; None for one that is disabled or holds no pictures.

    Args:
        defaults: companion settings, for keys that the entry leaves out.

    Raises:
        DatasetError: naming the key at fault.
    """
    for key in ("disabled", "disable"):
        if entry.switch(key):
            entry.say(key, "so this dataset is left out")
            return None
        entry.say(key, "so this dataset is used")
    kind = _kind(entry)
    if kind is None:
        return None
    filled = _fill(entry, defaults) if kind not in ("controlnet", "mask") else []
    prompts, captions, prepend = captions_of(entry)
    repeats, probability = repeats_of(entry), probability_of(entry)
    strength = strength_of(entry, kind == "eval") if kind in ("image", "video", "eval") else None
    if probability == 0 and kind in ("image", "video"):
        return None
    backend = Backend(
        id=name,
        kind=kind,
        folder=_folder(entry),
        strength=strength,
        captions=captions,
        one_a_line=one_a_line_of(entry, captions),
        prompts=prompts,
        prepend=prepend,
        sizing=sizing_of(entry),
        frames=frames_of(entry, kind),
        most=most_of(entry),
        repeats=repeats,
        probability=probability,
        conditioned_by=conditioned_by(entry),
        source=entry.text("source_dataset_id"),
    )
    for key in filled:
        entry.say(key, f"{entry.said.get(key, 'nothing to do')} (from config.json)")
    return backend


def _fill(entry: Entry, defaults: Mapping[str, Any]) -> list[str]:
    """Takes over what the companion says of all datasets; the keys that it has filled."""
    filled = []
    for key in ("resolution", "resolution_type", "caption_strategy", "minimum_image_size", "instance_prompt"):
        if key not in entry.raw and defaults.get(key) not in (None, ""):
            entry.raw = {**entry.raw, key: defaults[key]}
            filled.append(key)
    return filled


def _kind(entry: Entry) -> str | None:
    kind = entry.text("dataset_type", "image") or "image"
    if kind in IGNORED:
        entry.say("dataset_type", "a cache of SimpleTuner's, which is not needed here: left out")
        return None
    if kind not in TYPES:
        raise entry.fault(
            "dataset_type", f"Here it can be {', '.join(TYPES)}. Disable this dataset, or take it out."
        )
    where = entry.text("type", "local") or "local"
    if where != "local":
        raise entry.fault(
            "type",
            "Only local folders are read. Download the pictures into a folder below ComfyUI's input or datasets "
            "folder and write type local with its instance_data_dir, or set disabled to true.",
        )
    entry.say("type", "a folder on this machine")
    if kind != "conditioning":
        entry.say(
            "dataset_type",
            "held out: measured at the end, not trained on" if kind == "eval" else f"{kind}s to train on",
        )
        return kind
    use = entry.text("conditioning_type", "controlnet") or "controlnet"
    if use not in CONDITIONINGS:
        entry.say("dataset_type", "left out")
        entry.say("conditioning_type", f"NOT USED: here it can be {' or '.join(CONDITIONINGS)}; reference pictures "
                  "come as conditioning from ComfyUI's own nodes, on Load Slider Bucket")  # fmt: skip
        return None
    entry.say("dataset_type", "pictures that go with those of another dataset")
    entry.say(
        "conditioning_type", "control pictures" if use == "controlnet" else "masks: white where the concept is"
    )
    return use


def _folder(entry: Entry) -> str:
    folder = entry.text("instance_data_dir")
    if not folder:
        raise DatasetError(f"{entry.name} has no instance_data_dir. Write the folder of its pictures there.")
    entry.say("instance_data_dir", "read with the folders below it")
    return folder
