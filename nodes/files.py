"""Saving sliders under the key names that other programs read."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..slider_core.given import counted
from ..slider_core.settings import SaveSettings
from ..slider_core.settings.files import AS_TRAINED
from .inputs import checked
from .output_folder import name_fault, output_folder
from .types import CATEGORY, LoraModel
from .widgets import widgets


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
                *widgets(SaveSettings, "file_name key_format precision"),
                io.Model.Input(
                    "model",
                    optional=True,
                    tooltip="The model the slider is for. Needed to convert other people's LoRAs, and DoRA, IA3, OFT, "
                    "BOFT.",
                ),
                *widgets(SaveSettings, "one_is", later=True),
            ],
            outputs=[
                io.String.Output(display_name="file", tooltip="Its name below ComfyUI's output folder."),
                io.String.Output(display_name="report", tooltip="What was written, and who can load it."),
            ],
        )

    @classmethod
    def validate_inputs(cls, file_name: str | None) -> bool | str:
        return name_fault(file_name) or True

    @classmethod
    @checked()
    def execute(cls, slider: Any, model: Any = None, **given: Any) -> io.NodeOutput:
        import torch

        from ..slider_core.files import convert, notes_on, notes_on_text, sound
        from ..slider_core.files.naming import places, save_numbered
        from ..slider_core.files.rescaled import rescaled, unit_of

        settings, output = SaveSettings(**given), output_folder()
        next(places(output, settings.file_name))  # a name that cannot be is said before the work
        whole = sound(slider)
        scaled = whole if settings.one_is == AS_TRAINED else rescaled(whole, unit_of(whole))
        converted = convert(scaled, settings.key_format, model)
        how = {
            "key_format": settings.key_format,
            "model": model,
            "dtype": getattr(torch, settings.precision, None),
        }
        path = save_numbered(converted, output, settings.file_name, **how)
        shown = path.relative_to(output).as_posix()
        size = path.stat().st_size / 2**20
        report = [
            f"Written to {shown} ({counted(len(converted), 'tensor')}, {size:.1f} MB).",
            *notes_on(converted, model),
        ]
        if scaled is not whole:
            report.append(
                f"Its strength 1 is {unit_of(whole):.3g} of the slider given: the end of the usable range."
            )
        report += notes_on_text(whole, converted)
        return io.NodeOutput(shown, "\n".join(report), ui={"text": report})
