"""Where the number of each picture is, and how it becomes a strength."""

from __future__ import annotations

from dataclasses import dataclass

from .setting import Settings, choice, real, text

SCALES = ("as they are", "middle to 0", "smallest to 0")
ENDS = ("all", "balanced ends")


@dataclass(frozen=True, kw_only=True)
class NumberSettings(Settings):
    """The widgets of Slider Strength per Picture."""

    token: str = text(
        "",
        "The word of the token in captions: smile for (smile:0.7). Tokens are taken out of the captions, for which "
        "clip is needed.",
    )
    table: str = text(
        "",
        'A line for each picture: face.png,0.7 or {"file": "face.png", "strength": 0.7}; or the name of such a .csv, '
        ".tsv or .jsonl file below the input folder.",
        multiline=True,
    )
    scale: str = choice(
        "as they are",
        SCALES,
        "as they are: numbers are strengths. middle to 0: the median becomes 0, and the farthest number plus or minus "
        "strongest. smallest to 0: the largest becomes strongest.",
    )
    strongest: float = real(0.5, 0.01, 10.0, 0.05, "Strength of the farthest number.")
    use: str = choice(
        "all",
        ENDS,
        "all: every picture. balanced ends: as many pictures of both ends that look alike in shape, brightness and "
        "words of the caption.",
    )
    ends: float = real(
        0.33,
        0.01,
        0.5,
        0.01,
        "For balanced ends: the share of all pictures that each end may have.",
        advanced=True,
    )
