"""Saving sliders under the key names that other programs read."""

from __future__ import annotations

from pathlib import Path

import folder_paths
from comfy_api.latest import io

from ..slider_core.given import quoted
from .inputs import checked
from .types import CATEGORY, LoraModel

FORMATS = ["native", "diffusers", "kohya"]
LONGEST = 200  # bytes of a name; file systems take 255, and a number and an ending are added
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
                    tooltip="The model the slider is for. Needed to convert other people's LoRAs, and DoRA.",
                ),
            ],
            outputs=[
                io.String.Output(display_name="file", tooltip="Its name below ComfyUI's output folder."),
                io.String.Output(display_name="report", tooltip="What was written, and who can load it."),
            ],
        )

    @classmethod
    def validate_inputs(cls, file_name: str | None) -> bool | str:
        if file_name is not None and not Path(file_name).name.strip():
            return "file_name is empty. Give a name such as loras/smile."
        return True

    @classmethod
    @checked()
    def execute(
        cls, slider, file_name: str, key_format: str = "native", precision: str = "as trained", model=None
    ) -> io.NodeOutput:
        import torch

        from ..slider_core.files import convert, notes_on, save, sound

        place = place_of(file_name)
        slider = convert(sound(slider), key_format, model)
        dtype = PRECISIONS[precision]
        path = save(slider, place, key_format, model, dtype and getattr(torch, dtype))
        shown = path.relative_to(folder_paths.get_output_directory()).as_posix()
        size = path.stat().st_size / 2**20
        report = [f"Written to {shown} ({len(slider)} tensors, {size:.1f} MB).", *notes_on(slider, model)]
        return io.NodeOutput(shown, "\n".join(report), ui={"text": report})


def place_of(file_name: str) -> Path:
    """The next free file of a name below ComfyUI's output folder.

    Raises:
        ValueError: for a name that leads outside of it, or is too long.
    """
    if any(len(part.encode()) > LONGEST for part in Path(file_name).parts) or len(file_name) > 4 * LONGEST:
        raise ValueError(f"{quoted(file_name)} is too long for a file name. Give a name such as loras/smile.")
    output = Path(folder_paths.get_output_directory()).resolve()
    if not Path(output, file_name).resolve().is_relative_to(output):
        raise ValueError(
            f"{quoted(file_name)} leads out of ComfyUI's output folder. Give a name such as loras/smile."
        )
    folder, name, counter, _, _ = folder_paths.get_save_image_path(file_name, str(output))
    return Path(folder, f"{name}_{counter:05}_.safetensors")
