"""The pictures that a slider is trained on, and the order they come in."""

from __future__ import annotations

from dataclasses import dataclass

from .setting import Settings, choice, real, seed, switch, text, whole

CAPTIONS = ("text file", "file name", "prompt")
MODES = ("together", "alternate")
PAIRINGS = ("auto", "name", "order", "random")
WEIGHTINGS = ("uniform", "auto")
NEUTRALS = ("anchor", "plain", "off")


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
        "For video models: so many connected images in a row make one clip. 1: each is a picture.",
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
