"""Which layers of a model a slider is trained on."""

from __future__ import annotations

from comfy_api.latest import io, ui

from .inputs import checked
from .types import CATEGORY
from .types import SliderTargets as TargetsSocket

PRESETS = ["slider", "attention", "mlp", "custom"]
REPORTED_RANK = 4


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
                io.Combo.Input(
                    "preset",
                    options=PRESETS,
                    default="slider",
                    tooltip="slider: the picture's self-attention and, on most families, its ways in and out and the "
                    "time embedding; text is left alone. attention: all attention, of text too. mlp: the MLP "
                    "layers of the picture. custom: the names below.",
                ),
                io.String.Input(
                    "custom_targets",
                    default="",
                    multiline=True,
                    tooltip="For preset custom: layer names as ComfyUI or diffusers has them, one a line, as a JSON "
                    "list, or a whole LyCORIS config. A name selects every layer whose name ends with it at a dot.",
                ),
                io.String.Input(
                    "exclude",
                    default="",
                    tooltip="Layers to leave out whatever the preset, named the same way: img_in, blocks.0, attn2.",
                ),
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
    def execute(
        cls, preset: str = "slider", custom_targets: str = "", exclude: str = "", model=None, control_net=None
    ) -> io.NodeOutput:
        from ..slider_core.architectures import report, select

        if (model is None) == (control_net is None):
            raise ValueError("Connect either a model or a control_net to Slider Targets, and not both.")
        trained = model if model is not None else control_net
        selection = select(trained, preset, custom_targets if preset == "custom" else (), exclude)
        text = report(selection, trained, REPORTED_RANK)
        return io.NodeOutput(selection, text, ui=ui.PreviewText(text))
