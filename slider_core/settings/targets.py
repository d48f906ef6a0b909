"""Which layers a slider is trained on."""

from __future__ import annotations

from dataclasses import dataclass

from .setting import Settings, choice, text

PRESETS = ("slider", "attention", "mlp", "custom")


@dataclass(frozen=True, kw_only=True)
class TargetSettings(Settings):
    """The widgets of Slider Targets."""

    preset: str = choice(
        "slider",
        PRESETS,
        "slider: the picture's self-attention and, on most families, its ways in and out and the "
        "time embedding; text is left alone. attention: all attention, of text too. mlp: the MLP "
        "layers of the picture. custom: the names below.",
    )
    custom_targets: str = text(
        "",
        "For preset custom: layer names as ComfyUI or diffusers has them, one a line, as a JSON "
        "list, or a whole LyCORIS config. A name selects every layer whose name ends with it at a dot.",
        multiline=True,
        structured=True,
    )
    exclude: str = text(
        "",
        "Layers to leave out whatever the preset, named the same way: img_in, blocks.0, attn2.",
        structured=True,
    )
