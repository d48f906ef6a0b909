"""How a slider is looked at: strengths, seeds and the sampler's settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .setting import Settings, choice, real, seed, switch, text, whole

KEEP = ("grid", "grid and frames", "nothing")
ANIMATIONS = ("none", "webp", "mp4")


def samplers() -> Sequence[str]:
    """ComfyUI's."""
    import comfy.samplers

    return comfy.samplers.KSampler.SAMPLERS


def schedulers() -> Sequence[str]:
    """ComfyUI's."""
    import comfy.samplers

    return comfy.samplers.KSampler.SCHEDULERS


@dataclass(frozen=True, kw_only=True)
class SweepSettings(Settings):
    """Strengths, seeds and the sampler."""

    strengths: str = text(
        "-2:2:7",
        "start:stop:count, or a list: -2, -1, 0, 1. Strength 0 is added where it is missing: it "
        "is what the others are compared with.",
    )
    seed: int = seed("Of the first row's noise; each row has the same noise at all strengths.")
    seeds: int = whole(1, 1, 64, "So many seeds from this one: a row each.")
    steps: int = whole(20, 1, 10000, "Of the sampler, as in KSampler.")
    cfg: float = real(8.0, 0.0, 100.0, 0.1, "As in KSampler.", rounded=0.01)
    sampler_name: str = choice(
        "euler",
        samplers,
        "Samplers that draw noise on the way (ancestral, sde) make one picture at a time.",
    )
    scheduler: str = choice("simple", schedulers, "As in KSampler.")
    denoise: float = real(
        1.0, 0.0, 1.0, 0.01, "Below 1 with a latent_image: how much of it is made anew.", advanced=True
    )
    width: int = whole(1024, 16, 16384, "Of a picture, in pixels.", step=8)
    height: int = whole(1024, 16, 16384, "Of a picture, in pixels.", step=8)
    length: int = whole(1, 1, 1024, "Frames, for video models.")
    batch_limit: int = whole(0, 0, 256, "Pictures made at once. 0: as many as the memory holds.", advanced=True)
    store_curve: bool = switch(
        True,
        "The slider also gets the measured response: ±1 is then its usable range, and equal steps look equal.",
        advanced=True,
    )


@dataclass(frozen=True, kw_only=True)
class ShownSweepSettings(SweepSettings):
    """Those of a sweep that is looked at, with a second axis and files to keep: the widgets of Slider Sweep."""

    compare: str = text(
        "",
        "Second axis: more sliders, each swept like the first. Files of the LoRA folders, one a line, or patterns: "
        "smile_*.",
        advanced=True,
        multiline=True,
    )
    second_strengths: str = text(
        "", "Second axis: strengths of a second slider, as a range or a list: -1, 0, 1.", advanced=True
    )
    keep: str = choice(
        "grid",
        KEEP,
        "What goes to the output folder; the rest to the temp folder, where the viewer has it until ComfyUI restarts.",
    )
    animation: str = choice(
        "none", ANIMATIONS, "One for each row, in the output folder: through the strengths and back."
    )
    response_curve: bool = switch(
        True, "Strengths go by the response that the slider has already. Off: raw strengths.", advanced=True
    )
    update_file: bool = switch(
        False,
        "Write what is measured into the slider's own file as well, whose weights stay as they are. Else only the "
        "output slider has it. Switch it off afterwards.",
        advanced=True,
    )
