"""Several sliders in one node: what a chain of Apply Sliders does, row by row."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..slider_core.given import STRONGEST
from .apply import SliderApply
from .inputs import checked
from .loras import changed, curve_input, known
from .mixer_rows import MixerRow, called, counter_dosed, mixer_rows
from .progress import show
from .types import CATEGORY, MixerRows


class SliderMixer(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SliderMixer",
            display_name="Slider Mixer",
            category=CATEGORY,
            description="Applies several concept sliders, or any LoRAs, to a model: a row for each, with its strength. "
            "The same as one Apply Slider after the other.",
            search_aliases=["lora stack", "multiple sliders", "power lora loader", "mix sliders"],
            inputs=[
                io.Model.Input("model", tooltip="The model to apply the sliders to."),
                MixerRows.Input(
                    "rows",
                    tooltip="A slider each: file, on or off, strength, part of the sampling (start, end, 0 to 1), and "
                    "a name by which Slider Strength picks it.",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=-STRONGEST,
                    max=STRONGEST,
                    step=0.05,
                    optional=True,
                    tooltip="Times the strength of every row: 1 leaves them as they are, 0 is the model as it is.",
                ),
                curve_input(),
                io.String.Input(
                    "cross_effects",
                    default="",
                    multiline=True,
                    optional=True,
                    advanced=True,
                    tooltip="What sliders do to each other, a line each: smile: eyes 0.14 says that smile at 1 also "
                    "moves the eyes by 0.14 of what the slider eyes does at 1. Counter-doses then keep the eyes. For "
                    "the strengths of the rows, not for those of Slider Strength.",
                ),
            ],
            outputs=[
                io.Model.Output(display_name="model", tooltip="With the sliders of all rows that are on."),
                io.String.Output(display_name="report", tooltip="What each slider is and how much of it fits."),
            ],
        )

    @classmethod
    def validate_inputs(cls, rows: Any = ()) -> bool | str:
        try:
            faults = [known(row.file) for row in mixer_rows(rows or ()) if row.on]
        except ValueError as error:
            return str(error)
        return next((fault for fault in faults if fault is not True), True)

    @classmethod
    def fingerprint_inputs(cls, rows: Any = (), **_: Any) -> list[float]:
        return [changed(row.file) for row in mixer_rows(rows or ()) if row.on]

    @classmethod
    @checked()
    def execute(
        cls,
        model: Any,
        rows: Any = (),
        strength: float = 1.0,
        response_curve: bool = True,
        cross_effects: str = "",
    ) -> io.NodeOutput:
        reports = []
        for row, counter_dose in counter_dosed(mixer_rows(rows or ()), strength, cross_effects or ""):
            model, report = _applied(model, row, counter_dose, response_curve)
            dosed = f", counter-dose {counter_dose:+.3g}" if counter_dose else ""
            reports.append(f"{called(row)} at {row.strength:+g}{dosed}: {report}")
        text = "\n\n".join(reports) or "No slider is on: the model is as it was."
        return show(text, model, text)


def _applied(model: Any, row: MixerRow, counter_dose: float, by_curve: bool) -> tuple[Any, str]:
    patched, _, report = SliderApply.execute(
        row.strength + counter_dose,
        model=model,
        slider_file=row.file,
        start_percent=row.start,
        end_percent=row.end,
        name=row.name,
        response_curve=by_curve,
    ).result
    return patched, report
