"""Applying sliders: on a model or ControlNet, and a strength of its own for a prompt."""

from __future__ import annotations

from typing import Any
from weakref import ref

from comfy_api.latest import io

from ..slider_core.given import STRONGEST, counted, number, number_texts, quoted
from .inputs import checked
from .loras import (
    NO_FILE,
    changed,
    curve_input,
    curve_used,
    deltas_on,
    facts_of,
    file_input,
    known,
    range_used,
    slider_of,
)
from .progress import show
from .types import CATEGORY, LoraModel

KEPT = 8


class SliderApply(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SliderApply",
            display_name="Apply Slider",
            category=CATEGORY,
            description="Applies a concept slider, or any LoRA, to a model or ControlNet at any strength. Each "
            "prompt can have a strength of its own (Slider Strength).",
            search_aliases=["concept slider", "lora slider", "load lora"],
            inputs=[
                io.Model.Input("model", optional=True, tooltip="The model to apply the slider to."),
                io.ControlNet.Input("control_net", optional=True, tooltip="Or the ControlNet to apply it to."),
                LoraModel.Input("slider", optional=True, tooltip="From Train Slider or Load Slider."),
                file_input(),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=-STRONGEST,
                    max=STRONGEST,
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
                curve_input(),
            ],
            outputs=[
                io.Model.Output(display_name="model", tooltip="With the slider; where a model was given."),
                io.ControlNet.Output(
                    display_name="control_net", tooltip="With the slider; where one was given."
                ),
                io.String.Output(display_name="report", tooltip="What the slider is and how much of it fits."),
            ],
        )

    @classmethod
    def validate_inputs(cls, slider_file: str) -> bool | str:
        return known(slider_file)

    @classmethod
    def fingerprint_inputs(cls, slider_file: str = NO_FILE, **_: Any) -> float:
        return changed(slider_file)

    @classmethod
    @checked(own=["slider_file"])
    def execute(
        cls,
        strength: float,
        model: Any = None,
        control_net: Any = None,
        slider: Any = None,
        slider_file: str = NO_FILE,
        start_percent: float = 0.0,
        end_percent: float = 1.0,
        name: str = "",
        response_curve: bool = True,
    ) -> io.NodeOutput:
        from ..slider_core.applying.apply import AppliedSlider, apply_slider

        if (model is None) == (control_net is None):
            raise ValueError("Connect either a model or a control_net to Apply Slider, and not both.")
        slider, deltas, notes = _read(model if model is not None else control_net, slider, slider_file)
        curve = curve_used(slider, response_curve)
        applied = AppliedSlider(deltas, strength, name, start_percent, end_percent, curve)
        report = _report(slider, deltas, notes)
        for_page = {"usable_range": [range_used(slider, response_curve)]}
        if model is not None:
            return show(report, apply_slider(model, applied), None, report, **for_page)
        from ..slider_core.applying.control import apply_slider_to_control_net

        return show(report, None, apply_slider_to_control_net(control_net, applied), report, **for_page)


_latest: list[tuple[ref, Any, tuple]] = []


def _read(model: Any, slider: Any, slider_file: str) -> tuple[Any, dict, list[str]]:
    """The slider and what `deltas_on` says of it; the latest few are kept, so that a new strength reads nothing."""
    from ..slider_core.layers import root_of

    root, given = root_of(model), (slider_file, changed(slider_file)) if slider is None else slider
    found = next((entry for entry in _latest if entry[0]() is root and _same(entry[1], given)), None)
    if found is None:
        slider = slider_of(slider, slider_file)
        found = ref(root, _forget), given, (slider, *deltas_on(model, slider))
    _latest[:] = [found, *(entry for entry in _latest if entry is not found)][:KEPT]
    return found[2]


def _same(one: Any, other: Any) -> bool:
    """Whether two are the same slider itself, or the same state of a file."""
    return one is other or (isinstance(one, tuple) and isinstance(other, tuple) and one == other)


def _forget(gone: ref) -> None:
    """Deltas know the layers that they are for: they must not keep those of a model that is gone."""
    _latest[:] = [entry for entry in _latest if entry[0] is not gone]


def _report(slider: Any, deltas: dict[str, Any], notes: list[str]) -> str:
    fit = f"Adapters on {counted(len(deltas), 'layer')}."
    return "\n".join([*notes, fit, *facts_of(slider)])


class SliderStrength(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SliderStrength",
            display_name="Slider Strength",
            category=CATEGORY,
            description="Gives a prompt its own slider strength, whatever Apply Slider says. It holds for the negative "
            "too, unless that has one of its own. For a slider on a ControlNet, place it after Apply ControlNet.",
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
            outputs=[
                io.Conditioning.Output(display_name="conditioning", tooltip="The prompt with its strength.")
            ],
        )

    @classmethod
    def validate_inputs(cls, strength: str | None) -> bool | str:
        try:
            return strength is None or bool(_numbers(strength))
        except ValueError as error:
            return str(error)

    @classmethod
    @checked()
    def execute(cls, conditioning: Any, strength: str, slider: str = "") -> io.NodeOutput:
        from ..slider_core.applying.control import conditioning_at

        numbers = _numbers(strength)
        value = numbers[0] if len(numbers) == 1 else numbers
        return io.NodeOutput(conditioning_at(conditioning, value, slider))


def _numbers(text: str) -> list[float]:
    numbers = [number(part) for part in number_texts(str(text), several=False)]
    found = [value for value in numbers if value is not None and abs(value) <= STRONGEST]
    if not found or len(found) < len(numbers):
        raise ValueError(
            f"{quoted(text)} is not a strength. Give a number from −{STRONGEST:g} to {STRONGEST:g}, or several with "
            "commas: -1, 0, 1."
        )
    return found
