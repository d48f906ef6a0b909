"""The pictures that a slider is trained on, and the order they come in."""

from __future__ import annotations

from dataclasses import dataclass

from .setting import Settings, choice, real, seed, switch, text, whole

CAPTIONS = ("text file", "file name", "prompt")
TEXT_FILES = ("whole file", "one a line")
MASKS = ("mask file", "alpha channel", "off")
MEASURES = ("area", "shorter edge", "megapixels")
CROPS = ("keep shape", "square", "square from the top", "centre")
MODES = ("together", "alternate")
PAIRINGS = ("auto", "name", "order", "random")
WEIGHTINGS = ("uniform", "auto")
NEUTRALS = ("anchor", "plain", "off")
LOSS_WEIGHTINGS = ("none", "mask", "difference")


@dataclass(frozen=True, kw_only=True)
class BucketSettings(Settings):
    """The widgets of Load Slider Bucket; where its pictures are is said beside them."""

    name: str = text("bucket", "What the plan and the file's metadata call it.")
    slider_strength: float = real(
        0.5,
        -10.0,
        10.0,
        0.05,
        "Above 0: these pictures have more of the concept. Below 0: less. 0: neutral.",
    )
    captions: str = choice(
        "prompt",
        CAPTIONS,
        "Where each picture's caption is: in a .txt file of the same name, in the file name, or "
        "one prompt for all. A good caption does not mention the concept.",
    )
    prompt: str = text(
        "", "Caption of every picture; a connected list of texts has one for each.", multiline=True
    )
    resolution: int = whole(
        1024, 32, 4096, "Pictures are scaled to about this many pixels squared, keeping their shape.", step=8
    )
    probability: float = real(
        1.0, 0.0, 1000.0, 0.05, "How often this bucket is drawn, against others of the same sign."
    )
    repeats: int = whole(1, 1, 10000, "How often each picture comes in an epoch.")
    frames: int = whole(
        1,
        1,
        1024,
        "For video models: frames of a clip, from video files, GIFs, videos, or so many connected images in a row. 1: "
        "pictures.",
        advanced=True,
    )
    subfolders: bool = switch(
        False,
        "Also read the folders below the folder. A pair has the same name in the same folder.",
        advanced=True,
    )
    text_file: str = choice(
        "whole file",
        TEXT_FILES,
        "whole file: a text file is one caption. one a line: each line is a caption, of which every draw takes one by "
        "the cycle's seed.",
        advanced=True,
    )
    stride: int = whole(
        1, 1, 1000, "Clips of files and videos are made of one frame of every so many.", advanced=True
    )
    mask_from: str = choice(
        "mask file",
        MASKS,
        "mask file: the mask of face.png is face-mask.png, white where the concept is. alpha channel: what is opaque; "
        "the picture is taken as it is below.",
        advanced=True,
    )
    size_by: str = choice(
        "area",
        MEASURES,
        "area: as many pixels as a square of resolution. shorter edge: resolution is its length. megapixels: as many "
        "as megapixels says.",
        advanced=True,
    )
    megapixels: float = real(1.0, 0.01, 16.0, 0.01, "For size_by megapixels; 1 is 1024 × 1024.", advanced=True)
    crop: str = choice(
        "keep shape",
        CROPS,
        "square: the largest square around the middle. square from the top: the upper one, for people. centre: a "
        "square from the middle, not scaled down.",
        advanced=True,
    )
    minimum_size: int = whole(
        0,
        0,
        16384,
        "Pictures whose shorter edge has fewer pixels are left out, and counted in the report.",
        advanced=True,
    )
    mirrored: bool = switch(
        False,
        "Each picture also with left and right exchanged. Set it alike on both sides.",
        advanced=True,
    )
    keep_encoded: bool = switch(
        True,
        "Keep on disk what VAE and text encoder gave, so that the same picture or caption is not encoded again after a "
        "restart. At most 8 GB.",
        advanced=True,
    )


@dataclass(frozen=True, kw_only=True)
class CycleSettings(Settings):
    """The widgets of Slider Cycle."""

    cycle: str = choice(
        "together",
        MODES,
        "together: every step sees both signs, with the same noise (steadier, faster). "
        "alternate: one sign a step, as SimpleTuner does it.",
    )
    pairing: str = choice(
        "auto",
        PAIRINGS,
        "Which positive and negative pictures belong together: those with the same file name, or "
        "in the same place. Real pairs make purer sliders.",
    )
    weighting: str = choice(
        "auto", WEIGHTINGS, "auto: both signs count the same, also if one has more pictures."
    )
    neutral: str = choice(
        "anchor",
        NEUTRALS,
        "anchor: the slider must leave neutral pictures alone. plain: they are learned at "
        "strength 1, as SimpleTuner does it, which weakens the slider. off: not used.",
    )
    batch_size: int = whole(1, 1, 64, "Pictures per sign and step.")
    seed: int = seed("Of the order. The same seed gives the same draws.")
    one_sided: bool = switch(
        False, "Train although the positive or the negative side is missing.", advanced=True
    )
    loss_weighting: str = choice(
        "none",
        LOSS_WEIGHTINGS,
        "Where in a picture is learned, and elsewhere left as it is. none: everywhere. mask: where its mask is white. "
        "difference: where it differs from its partner.",
        advanced=True,
    )


@dataclass(frozen=True, kw_only=True)
class PairSettings(Settings):
    """The widgets of Check Slider Pairs."""

    most: int = whole(24, 1, 500, "So many pairs are shown, the most doubtful first.")
