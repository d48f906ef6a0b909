"""Saving sliders under the key names that other programs read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import folder_paths
from comfy_api.latest import io

from ..slider_core.given import quoted
from .inputs import checked
from .names import name_error
from .types import CATEGORY, LoraModel

FORMATS = ["native", "diffusers", "kohya"]
PRECISIONS = {"as trained": None, "float32": "float32", "bfloat16": "bfloat16", "float16": "float16"}


class SliderSave(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SliderSave",
            display_name="Save Slider",
            category=CATEGORY,
            description="Writes a slider, or any LoRA, to a .safetensors file under ComfyUI's, diffusers' or kohya's "
            "key names. Converting and converting back loses nothing.",
            search_aliases=["convert lora", "export lora", "save lora"],
            is_output_node=True,
            inputs=[
                LoraModel.Input("slider", tooltip="From Train Slider or Load Slider."),
                io.String.Input(
                    "file_name",
                    default="loras/slider",
                    tooltip="Below ComfyUI's output folder; a number is added. Files in loras/ are in every LoRA list.",
                ),
                io.Combo.Input(
                    "key_format",
                    options=FORMATS,
                    default="native",
                    tooltip="native: for ComfyUI, every kind on every model. diffusers: for diffusers and PEFT, other "
                    "kinds than LoRA for lycoris-lora. kohya: for ComfyUI and tools of sd-scripts.",
                ),
                io.Combo.Input(
                    "precision",
                    options=list(PRECISIONS),
                    default="as trained",
                    tooltip="Half the size in bfloat16 or float16. Continue training from a file as trained.",
                ),
                io.Model.Input(
                    "model",
                    optional=True,
                    tooltip="The model the slider is for. Needed to convert other people's LoRAs, and DoRA, IA3, OFT, "
                    "BOFT.",
                ),
            ],
            outputs=[
                io.String.Output(display_name="file", tooltip="Its name below ComfyUI's output folder."),
                io.String.Output(display_name="report", tooltip="What was written, and who can load it."),
            ],
        )

    @classmethod
    def validate_inputs(cls, file_name: str | None) -> bool | str:
        return (isinstance(file_name, str) and name_error(file_name)) or True

    @classmethod
    @checked()
    def execute(
        cls, slider, file_name: str, key_format: str = "native", precision: str = "as trained", model=None
    ) -> io.NodeOutput:
        import torch

        from ..slider_core.files import convert, notes_on, notes_on_text, sound

        place_of(file_name)  # a name that cannot be is said before the work
        given = sound(slider)
        slider = convert(given, key_format, model)
        dtype = PRECISIONS[precision]
        how = {"key_format": key_format, "model": model, "dtype": dtype and getattr(torch, dtype)}
        path = save_numbered(slider, file_name, **how)
        shown = path.relative_to(_output()).as_posix()
        size = path.stat().st_size / 2**20
        report = [f"Written to {shown} ({len(slider)} tensors, {size:.1f} MB).", *notes_on(slider, model)]
        report += notes_on_text(given, slider)
        return io.NodeOutput(shown, "\n".join(report), ui={"text": report})


def save_numbered(slider: Any, file_name: str, ending: str = "", **how: Any) -> Path:
    """Writes a slider under the next number of a name, also if files appear meanwhile; see `slider_core.files.save`.

    Raises:
        NotWrittenError: if it cannot be written.
        ValueError: see `place_of`.
    """
    from ..slider_core.files import save
    from ..slider_core.files.atomic import TakenError

    for place in _places_of(file_name):
        try:
            return save(slider, place.with_stem(f"{place.stem}{ending}"), new=True, **how)
        except TakenError:
            continue
    raise AssertionError("numbers do not end")


def place_of(file_name: str) -> Path:
    """The next free file of a name below ComfyUI's output folder.

    Raises:
        ValueError: for a name that leads outside of it, or that no file can have.
        NotWrittenError: if its folder cannot be made or looked into.
    """
    return next(_places_of(file_name))


def _places_of(file_name: str) -> Iterator[Path]:
    """`place_of`, and those after it."""
    from ..slider_core.files.atomic import NotWrittenError

    if error := name_error(file_name):
        raise ValueError(error)
    output = _output()
    if not Path(output, file_name).resolve().is_relative_to(output):
        raise ValueError(
            f"{quoted(file_name)} leads out of ComfyUI's output folder. Give a name such as loras/smile."
        )
    try:
        folder, name, counter, _, _ = folder_paths.get_save_image_path(file_name, str(output))
    except OSError as error:
        raise NotWrittenError(
            f"The folder of {quoted(file_name)} below {output} cannot be used ({error}). See that it is a folder, "
            "and that files can be made in it."
        ) from error
    for number in count(counter):
        yield Path(folder, f"{name}_{number:05}_.safetensors")


def _output() -> Path:
    """ComfyUI's output folder itself, where that is a link."""
    return Path(folder_paths.get_output_directory()).resolve()
