"""What a slider is made of where there are no pictures: prompts, and how practice pictures are made of them."""

from __future__ import annotations

from dataclasses import dataclass

from .setting import Settings, choice, real, seed, text, whole
from .sweep import samplers, schedulers


@dataclass(frozen=True, kw_only=True)
class WordsSettings(Settings):
    """The widgets of Slider from Words."""

    more: str = text("a smiling person", "What strength +1 goes towards.")
    less: str = text("a frowning person", "What strength -1 goes towards.")
    neutral: str = text("a person", "What the slider is trained on: the same without it.")
    preserve: str = text(
        "",
        "What should not come along: an attribute a line, its values with commas between them, "
        "like: old, young. Both prompts are compared with each value.",
        multiline=True,
    )
    guidance: float = real(3.0, 0.1, 20.0, 0.1, "How far strength 1 goes along the difference of the prompts.")
    pictures: int = whole(8, 1, 64, "Practice pictures of neutral.")
    seed: int = seed("Of the first practice picture, which is also the preview's.")
    steps: int = whole(20, 1, 200, "Of the sampler, as in KSampler.")
    cfg: float = real(4.0, 0.0, 100.0, 0.1, "As in KSampler.")
    sampler_name: str = choice("euler", samplers, "As in KSampler.")
    scheduler: str = choice("simple", schedulers, "As in KSampler.")
    width: int = whole(512, 16, 16384, "Of a picture, in pixels.", step=8)
    height: int = whole(512, 16, 16384, "Of a picture, in pixels.", step=8)
