"""The values of a dataset's keys: captions, sizes, counts and strength, each with what becomes of it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ...given import STRONGEST
from ..sizing import Sizing
from .entry import DatasetError, Entry

STRATEGIES = ("textfile", "filename", "instanceprompt")
MEGAPIXEL = 1_000_000


def captions_of(entry: Entry) -> tuple[tuple[str, ...], str, bool]:
    """Prompts, strategy, and whether the prompt stands before the captions."""
    strategy = entry.choice(
        "caption_strategy",
        "filename",
        STRATEGIES,
        f"Here it can be {', '.join(STRATEGIES)}. Write the captions into text files beside the pictures and use "
        f"textfile.",
    )
    prompts = entry.texts("instance_prompt")
    only, prepend = entry.switch("only_instance_prompt"), entry.switch("prepend_instance_prompt")
    replaced = only or strategy == "instanceprompt"
    if (replaced or prepend) and not prompts:
        key = "only_instance_prompt" if only else "caption_strategy" if replaced else "prepend_instance_prompt"
        raise entry.fault(key, "It needs an instance_prompt, and there is none. Write one.")
    use = (
        "not used" if not (replaced or prepend) else "before every caption" if not replaced else "every caption"
    )
    several = f", one of {len(prompts)} in each draw" if len(prompts) > 1 else ""
    entry.say("instance_prompt", use + several)
    entry.say("only_instance_prompt", "captions are the instance_prompt" if only else "nothing to do")
    entry.say("prepend_instance_prompt", "nothing to do" if replaced or not prepend else "done")
    names = {"textfile": "from the .txt file beside each picture", "filename": "from the name of each picture"}
    said = "not used, as only_instance_prompt is true" if only else names.get(strategy, "the instance_prompt")
    entry.say("caption_strategy", said)
    return prompts, "instanceprompt" if replaced else strategy, prepend and not replaced


def one_a_line_of(entry: Entry, captions: str) -> bool:
    whole = entry.switch("disable_multiline_split")
    if captions != "textfile":
        entry.say("disable_multiline_split", "nothing to do")
    else:
        entry.say(
            "disable_multiline_split", "a file is one caption" if whole else "each line is a caption of its own"
        )
    return not whole


def sizing_of(entry: Entry) -> Sizing:
    kind = entry.choice("resolution_type", "pixel_area", ("pixel_area", "area", "pixel"))
    given = entry.number("resolution", 1.0 if kind == "area" else 1024.0)
    side = math.sqrt(given * MEGAPIXEL) if kind == "area" and given > 0 else given
    if not 16 <= side <= 8192:
        other = "pixels: write from 16 to 8192, or resolution_type area, which is megapixels"
        if kind == "area":
            other = "megapixels: write from 0.01 to 67, or resolution_type pixel_area, which is pixels"
        raise entry.fault("resolution", f"With resolution_type {kind} it is {other}.")
    edge = kind == "pixel"
    entry.say(
        "resolution_type", "length of the shorter edge" if edge else "area, all shapes with as many pixels"
    )
    entry.say("resolution", f"{side:.0f} pixels" + ("" if edge else " squared"))
    least = entry.number("minimum_image_size", 0.0, 0.0)
    area = {"pixel": 0.0, "area": least * MEGAPIXEL, "pixel_area": least * least}[kind]
    entry.say(
        "minimum_image_size",
        "nothing to do" if not least else f"pictures with less than {least:g} pixels at the shorter edge are left out"
        if edge else f"pictures with less than {area:,.0f} pixels are left out",
    )  # fmt: skip
    crop = _crop(entry)
    return Sizing(side, "shorter edge" if edge else "area", crop, int(least) if edge else 0, area)


def _crop(entry: Entry) -> str:
    asked = entry.switch("crop")
    aspect = entry.choice("crop_aspect", "square", ("square", "preserve", "closest", "random"))
    style = entry.choice("crop_style", "random", ("random", "center", "centre", "corner", "face"))
    if not asked:
        for key in ("crop", "crop_aspect", "crop_style"):
            entry.say(key, "pictures keep their shape" if key == "crop" else "not used, as crop is false")
        return "keep shape"
    if aspect != "square":
        entry.say("crop", "as much as rounding asks for")
        entry.say("crop_style", "around the middle")
        changed = aspect in ("closest", "random")
        entry.say("crop_aspect", f"{'NOT USED: ' if changed else ''}pictures keep their shape")
        return "keep shape"
    scaled = "" if entry.has("maximum_image_size") else " (SimpleTuner cuts it out of the picture unscaled)"
    entry.say("crop", f"as much of the picture as there is in a square{scaled}")
    entry.say("crop_aspect", "squares")
    other = {
        "random": "centre instead: both pictures of a pair must show the same part",
        "face": "centre instead: faces are not looked for",
        "corner": "the upper part of tall pictures; of wide ones the middle",
    }
    became = other.get(style, "the largest square around the middle")
    entry.said["crop_style"] = (
        became if entry.has("crop_style") else f"not given, which is random there; {became}"
    )
    return "square from the top" if style == "corner" else "square"


def frames_of(entry: Entry, kind: str) -> int:
    video = entry.raw.get("video")
    if kind != "video" and not (kind == "eval" and video):
        entry.say("video", "not used, as this is no video dataset")
        return 1
    if video is not None and not isinstance(video, Mapping):
        raise entry.fault("video", 'Write an object such as {"num_frames": 81}.')
    inner = Entry(video or {}, f"{entry.name}: video")
    if not inner.has("num_frames"):
        raise DatasetError(
            f"{entry.name}: video.num_frames is missing. Write how many frames of each clip to train on."
        )
    frames = int(inner.number("num_frames", 1, 1, whole=True))
    rest = [key for key in inner.raw if key != "num_frames"]
    unused = f"; NOT USED: {', '.join(rest)} (a clip that is too short is named and refused)" if rest else ""
    entry.say("video", f"the first {frames} frames of each clip{unused}")
    return frames


def most_of(entry: Entry) -> int:
    most = int(entry.number("max_num_samples", 0, 0, whole=True))
    entry.say(
        "max_num_samples",
        f"at most {most} pictures, chosen by their names, so that pairs stay pairs" if most else "all pictures",
    )
    return most


def repeats_of(entry: Entry) -> int:
    repeats = int(entry.number("repeats", 0, 0, whole=True)) + 1
    entry.say(
        "repeats", "each picture once an epoch" if repeats == 1 else f"each picture {repeats} times an epoch"
    )
    return repeats


def probability_of(entry: Entry) -> float:
    probability = entry.number("probability", 1.0, 0.0)
    entry.say(
        "probability", "never drawn, so this dataset is left out" if probability == 0 else f"{probability:g}"
    )
    return probability


def strength_of(entry: Entry, held_out: bool = False) -> float | None:
    strength = entry.number("slider_strength", 0.0)
    if abs(strength) > STRONGEST:
        raise entry.fault("slider_strength", f"Write a number from −{STRONGEST:g} to {STRONGEST:g}.")
    regular = [key for key in ("is_regularisation_data", "is_regularization_data") if entry.switch(key)]
    for key in ("is_regularisation_data", "is_regularization_data"):
        entry.say(key, "neutral; with neutral anchor on Slider Cycle it holds the slider still" if key in regular
                  else "nothing to do")  # fmt: skip
    if regular:
        entry.say("slider_strength", f"not used, as {regular[0]} is true")
        return None
    if not entry.has("slider_strength"):
        became = "neutral here. SimpleTuner trains it at strength +1; neutral plain on Slider Cycle does so too"
        entry.said["slider_strength"] = f"not given: {'measured as neutral' if held_out else became}"
        return None
    entry.say("slider_strength", "neutral" if strength == 0 else f"{strength:+g}")
    return strength or None


def conditioned_by(entry: Entry) -> tuple[str, ...]:
    ids = entry.texts("conditioning_data")
    entry.say("conditioning_data", f"goes with {', '.join(ids)}" if ids else "nothing to do")
    if entry.has("source_dataset_id"):
        entry.say("source_dataset_id", f"goes with {entry.text('source_dataset_id')}")
    return ids
