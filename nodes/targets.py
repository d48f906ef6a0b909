"""Which layers of a model a slider is trained on."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io, ui

from ..slider_core.settings import TargetSettings, TrainSettings, default_of
from .inputs import checked
from .types import CATEGORY
from .types import SliderTargets as TargetsSocket
from .widgets import widgets


class SliderTargets(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SliderTargets",
            display_name="Slider Targets",
            category=CATEGORY,
            description="Chooses the layers of a model or ControlNet that a slider is trained on, right for its "
            "family, and says what is touched, what is left out, and why.",
            search_aliases=["lora target modules", "slider layers", "lycoris preset"],
            inputs=[
                io.Model.Input("model", optional=True, tooltip="The model that the slider is trained on."),
                io.ControlNet.Input(
                    "control_net",
                    optional=True,
                    tooltip="Or the ControlNet that it is trained on. Connect only one of the two.",
                ),
                *widgets(TargetSettings, "preset custom_targets exclude"),
            ],
            outputs=[
                TargetsSocket.Output(display_name="targets", tooltip="For Train Slider."),
                io.String.Output(display_name="report", tooltip="What is touched, what is left out, and why."),
            ],
        )

    @classmethod
    def validate_inputs(cls, custom_targets: str | None) -> bool | str:
        """One input alone: ComfyUI marks each that is named here."""
        from ..slider_core.architectures.names import parsed

        try:
            parsed(custom_targets or "")
        except ValueError as error:
            return str(error)
        return True

    @classmethod
    @checked()
    def execute(cls, model: Any = None, control_net: Any = None, **given: Any) -> io.NodeOutput:
        from ..slider_core.architectures import report, select_by

        settings = TargetSettings(**given)
        if (model is None) == (control_net is None):
            raise ValueError("Connect either a model or a control_net to Slider Targets, and not both.")
        trained = model if model is not None else control_net
        selection = select_by(settings, trained)
        text = report(selection, trained, default_of(TrainSettings, "rank"))
        return io.NodeOutput(selection, text, ui=ui.PreviewText(text))
