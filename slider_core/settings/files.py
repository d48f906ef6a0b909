"""How a slider is written."""

from __future__ import annotations

from dataclasses import dataclass

from .setting import Settings, choice, default_of, text
from .training import TrainSettings

FORMATS = ("native", "diffusers", "kohya")
AS_TRAINED = "as trained"
USABLE_RANGE = "usable range"
SCALES = (AS_TRAINED, USABLE_RANGE)
STORED = (AS_TRAINED, "float32", "bfloat16", "float16")  # torch's names


@dataclass(frozen=True, kw_only=True)
class SaveSettings(Settings):
    """The widgets of Save Slider."""

    file_name: str = text(
        default_of(TrainSettings, "file_name"),
        "Name of the file, with folders before it if you like. It is written to output/loras, a number is added.",
    )
    key_format: str = choice(
        "native",
        FORMATS,
        "native: for ComfyUI, every kind on every model. diffusers: for diffusers and PEFT, other "
        "kinds than LoRA for lycoris-lora. kohya: for ComfyUI and tools of sd-scripts.",
    )
    precision: str = choice(
        AS_TRAINED, STORED, "Half the size in bfloat16 or float16. Continue training from a file as trained."
    )
    one_is: str = choice(
        AS_TRAINED,
        SCALES,
        "What strength 1 is in other loaders. usable range: the end of the range that Slider Sweep has measured, by "
        "the file's alpha. A response curve is kept, so Apply Slider does the same with either.",
        advanced=True,
    )
