"""Applying sliders: on a model or ControlNet, and a strength of its own for a prompt."""

from __future__ import annotations

import os

import folder_paths
from comfy_api.latest import io

from .types import CATEGORY, LoraModel

NO_FILE = "[connected slider]"


class SliderApply(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SliderApply",
            display_name="Apply Slider",
            category=CATEGORY,
            description="Applies a concept slider, or any LoRA, to a model or ControlNet at any strength. No weight "
            "is changed, and each prompt can have a strength of its own (Slider Strength).",
            search_aliases=["concept slider", "lora slider", "load lora"],
            inputs=[
                io.Model.Input("model", optional=True, tooltip="The model to apply the slider to."),
                io.ControlNet.Input("control_net", optional=True, tooltip="Or the ControlNet to apply it to."),
                LoraModel.Input(
                    "slider", optional=True, tooltip="A slider from Train Slider or Load LoRA Model."
                ),
                io.Combo.Input(
                    "slider_file",
                    options=[NO_FILE, *folder_paths.get_filename_list("loras")],
                    default=NO_FILE,
                    tooltip="Used where no slider is connected.",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=-100.0,
                    max=100.0,
                    step=0.05,
                    tooltip="Above 0: more of the concept; below 0: less; 0: the model as it is. For every prompt "
                    "that has no strength of its own.",
                ),
                io.Float.Input(
                    "start_percent",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    advanced=True,
                    tooltip="Part of the sampling after which the slider works. Later keeps the composition.",
                ),
                io.Float.Input(
                    "end_percent",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    advanced=True,
                    tooltip="… and up to which.",
                ),
                io.String.Input(
                    "name",
                    default="",
                    advanced=True,
                    tooltip="Where several sliders are applied: the name by which Slider Strength picks this one.",
                ),
            ],
            outputs=[
                io.Model.Output(display_name="model"),
                io.ControlNet.Output(display_name="control_net"),
                io.String.Output(display_name="report"),
            ],
        )

    @classmethod
    def validate_inputs(cls, slider_file: str) -> bool | str:
        known = slider_file == NO_FILE or folder_paths.get_full_path("loras", slider_file)
        return (
            True if known else f"There is no file {slider_file!r} in the LoRA folders. Choose one of the list."
        )

    @classmethod
    def execute(
        cls,
        strength: float,
        model=None,
        control_net=None,
        slider=None,
        slider_file: str = NO_FILE,
        start_percent: float = 0.0,
        end_percent: float = 1.0,
        name: str = "",
    ) -> io.NodeOutput:
        from ..slider_core.comfy_bridge.apply import AppliedSlider, apply_slider
        from ..slider_core.comfy_bridge.lora import deltas_for

        if (model is None) == (control_net is None):
            raise ValueError("Connect either a model or a control_net to Apply Slider, and not both.")
        slider = slider if slider is not None else _load(slider_file)
        target = model if model is not None else control_net
        deltas, unused = deltas_for(target, slider)
        if not deltas:
            raise ValueError(
                f"No layer of the slider fits this model; its tensors are named like {', '.join(unused[:2])}. Choose "
                "a slider that was made for this kind of model."
            )
        applied = AppliedSlider(deltas, strength, name, start_percent, end_percent)
        text = _report(slider, deltas, unused)
        if model is not None:
            return io.NodeOutput(apply_slider(model, applied), None, text)
        from ..slider_core.comfy_bridge.control import apply_slider_to_control_net

        return io.NodeOutput(None, apply_slider_to_control_net(control_net, applied), text)

    @classmethod
    def fingerprint_inputs(cls, slider_file: str = NO_FILE, **_) -> float:
        path = folder_paths.get_full_path("loras", slider_file) if slider_file != NO_FILE else None
        return 0.0 if path is None else os.path.getmtime(path)


def _load(slider_file: str):
    from ..slider_core.files import load

    if slider_file == NO_FILE:
        raise ValueError("Apply Slider has no slider: connect one, or choose a file under slider_file.")
    return load(folder_paths.get_full_path_or_raise("loras", slider_file))


def _report(slider, deltas, unused: list[str]) -> str:
    from ..slider_core.files import read_facts

    facts, ignored = read_facts(getattr(slider, "metadata", {}))
    lines = [f"{sum(map(len, deltas.values()))} adapters on {len(deltas)} layers."]
    if facts.base_model:
        lines.append(f"Trained on {facts.base_model} ({facts.kind}, rank {facts.rank}, {facts.steps} steps).")
    if facts.usable_range:
        lines.append("Usable from {:+g} to {:+g}, as measured by a sweep.".format(*facts.usable_range))
    if unused:
        lines.append(f"{len(unused)} tensors of the file are not for this model: {', '.join(unused[:3])} …")
    return "\n".join([*lines, *ignored])


class SliderStrength(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SliderStrength",
            display_name="Slider Strength",
            category=CATEGORY,
            description="Gives a prompt its own slider strength, whatever Apply Slider says. For a slider on a "
            "ControlNet, place it after Apply ControlNet.",
            search_aliases=["prompt strength", "concept slider strength"],
            inputs=[
                io.Conditioning.Input("conditioning", tooltip="The prompt."),
                io.String.Input(
                    "strength",
                    default="1.0",
                    tooltip="One number, or several with commas between them: one for each latent of the batch.",
                ),
                io.String.Input(
                    "slider",
                    default="",
                    tooltip="Name of the slider that is meant (as given in Apply Slider). Empty: every slider.",
                ),
            ],
            outputs=[io.Conditioning.Output(display_name="conditioning")],
        )

    @classmethod
    def validate_inputs(cls, strength: str | None) -> bool | str:
        try:
            return strength is None or bool(_numbers(strength))
        except ValueError as error:
            return str(error)

    @classmethod
    def execute(cls, conditioning, strength: str, slider: str = "") -> io.NodeOutput:
        from ..slider_core.comfy_bridge.control import conditioning_at

        numbers = _numbers(strength)
        value = numbers[0] if len(numbers) == 1 else numbers
        return io.NodeOutput(conditioning_at(conditioning, value, slider))


def _numbers(text: str) -> list[float]:
    try:
        numbers = [float(part) for part in str(text).replace(",", " ").split()]
    except ValueError:
        numbers = []
    if not numbers or not all(abs(number) <= 100 for number in numbers):
        raise ValueError(
            f"{text!r} is not a strength. Give a number from −100 to 100, or several with commas: -1, 0, 1."
        )
    return numbers
