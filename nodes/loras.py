"""Sliders and other LoRAs from ComfyUI's LoRA folders, and how they fit a model."""

from __future__ import annotations

import logging
import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import folder_paths
from comfy_api.latest import io

from ..slider_core.given import counted, quoted
from .inputs import checked
from .progress import show
from .types import CATEGORY, LoraModel

if TYPE_CHECKING:
    from ..slider_core.curve import Curve

NO_FILE = "[connected slider]"


def file_label(file: str) -> str:
    """The name of a file without folder and ending: `smile_00100`."""
    return PurePosixPath(file.replace("\\", "/")).stem


class SliderLoad(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SliderLoad",
            display_name="Load Slider",
            category=CATEGORY,
            description="Reads a slider, or any LoRA, from ComfyUI's LoRA folders, and says what its file tells of it: "
            "to convert it, to train it further, or as an assistant in training.",
            search_aliases=["load lora model", "slider file", "lora metadata"],
            inputs=[
                io.Combo.Input(
                    "slider_file",
                    options=folder_paths.get_filename_list("loras"),
                    tooltip="A file of the LoRA folders.",
                )
            ],
            outputs=[
                LoraModel.Output(
                    display_name="slider", tooltip="For Apply Slider, Save Slider, Train Slider …"
                ),
                io.String.Output(display_name="report", tooltip="How it was made and how to use it."),
            ],
        )

    @classmethod
    def validate_inputs(cls, slider_file: str) -> bool | str:
        return known(slider_file)

    @classmethod
    def fingerprint_inputs(cls, slider_file: str) -> float:
        return changed(slider_file)

    @classmethod
    @checked(own=["slider_file"])
    def execute(cls, slider_file: str) -> io.NodeOutput:
        slider = slider_of(None, slider_file)
        report = "\n".join([f"{counted(len(slider), 'tensor')}.", *facts_of(slider)])
        return show(report, slider, report)


def file_input(name: str = "slider_file", **more: Any) -> io.Combo.Input:
    """The choice of a file, on nodes that also take a connected slider."""
    told = {"tooltip": "Used where no slider is connected. Any LoRA will do.", **more}
    return io.Combo.Input(
        name, options=[NO_FILE, *folder_paths.get_filename_list("loras")], default=NO_FILE, **told
    )


def curve_input() -> io.Boolean.Input:
    """Whether strengths go by the slider's measured response."""
    return io.Boolean.Input(
        "response_curve",
        default=True,
        optional=True,
        advanced=True,
        tooltip="Where the slider's file has a measured response: ±1 is its usable range and equal steps look equal. "
        "Off: raw strengths, as in other loaders.",
    )


def known(slider_file: str) -> bool | str:
    """For `validate_inputs`: whether the file is one of the LoRA folders."""
    if slider_file == NO_FILE or _path(slider_file):
        return True
    return f"There is no file {quoted(slider_file)} in the LoRA folders. Choose one of the list."


def _path(slider_file: str) -> str | None:
    return folder_paths.get_full_path("loras", slider_file) if isinstance(slider_file, str) else None


def changed(slider_file: str) -> float:
    """For `fingerprint_inputs`: when the file was last written."""
    path = _path(slider_file) if slider_file != NO_FILE else None
    return 0.0 if path is None else os.path.getmtime(path)


def curve_used(slider: Any, on: bool) -> Curve | None:
    """The slider's response curve, if it has one and strengths are to go by it."""
    from ..slider_core.curve import curve_of

    return curve_of(slider) if on else None


def range_used(slider: Any, on: bool = True) -> tuple[float, float] | None:
    """The usable range of a slider in the strengths that its nodes take."""
    from ..slider_core.files import usable_range

    curve, measured = curve_used(slider, on), usable_range(slider)
    return curve.range_of(measured) if curve else measured


def ranges_of_file(slider_file: str) -> dict[str, tuple[float, float] | None]:
    """The usable range that a file of the LoRA folders says it has, of raw strengths and by its response curve; only
    its header is read.
    """
    from ..slider_core.files import Slider, load_metadata

    path = _path(slider_file)
    slider = Slider({}, load_metadata(path) if path else {})
    return {"usable_range": range_used(slider, False), "curve_range": range_used(slider)}


def file_to_update(slider: Any, slider_file: str) -> Path:
    """The file that a slider is from, to write what is measured into it.

    Raises:
        ValueError: if the slider is no safetensors file of the LoRA folders.
    """
    path = _path(slider_file) if slider is None and slider_file != NO_FILE else None
    if path is None or not path.endswith(".safetensors"):
        raise ValueError(
            "update_file writes into the file that is chosen under slider_file, a .safetensors file. Choose one there "
            "and connect no slider, or switch update_file off."
        )
    return Path(path)


def slider_of(slider: Any, slider_file: str) -> Any:
    """The connected slider, or else the one in the file.

    Raises:
        ValueError: if there is none, or its tensors cannot be those of a slider.
    """
    from ..slider_core.files import load, sound

    if slider is not None:
        return sound(slider)
    if slider_file == NO_FILE:
        raise ValueError("There is no slider: connect one, or choose a file under slider_file.")
    path = _path(slider_file)
    if path is None:
        raise ValueError(known(slider_file))
    return sound(load(path))


def deltas_on(model: Any, slider: Any) -> tuple[dict[str, Any], list[str]]:
    """What the slider adds to each layer of a model or ControlNet, and what to say first of tensors left out.

    Raises:
        ValueError: if it fits no layer at all.
    """
    from ..slider_core.files import notes_on_fit
    from ..slider_core.files.keys import for_text_encoder
    from ..slider_core.lora.reading import deltas_for

    deltas, unused = deltas_for(model, slider)
    if not deltas:
        own = sorted(unused, key=lambda key: bool(for_text_encoder([key])))
        named = ", ".join(map(quoted, own[:2]))
        raise ValueError(
            f"No layer of the slider fits this model; its tensors are named like {named}. Choose a "
            "slider that was made for this kind of model."
        )
    notes = notes_on_fit(slider, unused)
    for note in notes:
        logging.warning(note)
    return deltas, notes


def facts_of(slider: Any) -> list[str]:
    """What the metadata of a slider says, in sentences."""
    from ..slider_core.files import read_facts

    facts, ignored = read_facts(getattr(slider, "metadata", {}))
    lines = []
    if facts.base_model:
        lines.append(
            f"Trained on {facts.base_model} ({facts.kind}, rank {facts.rank}, {counted(facts.steps or 0, 'step')})."
        )
    for name, count, strength in facts.buckets:
        lines.append(
            f"Bucket {name}: {counted(count, 'picture')} at {'neutral' if strength is None else f'{strength:+g}'}."
        )
    if facts.usable_range:
        lines.append("Usable from {:+.3g} to {:+.3g}, as its file says.".format(*facts.usable_range))
    if told := curve_fact(slider):
        lines.append(told)
    return [*lines, *ignored]


def curve_fact(slider: Any) -> str:
    """What its response curve says, in a sentence; empty without one."""
    curve = curve_used(slider, True)
    if curve is None:
        return ""
    at = ", ".join(f"{s:+g} is {curve.raw(s):+.3g}" for s in (-1.0, -0.5, 0.5, 1.0))
    return f"Response curve, in raw strengths: {at}."
