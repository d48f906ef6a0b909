"""A slider at many strengths: a labelled grid, a report, and a viewer on the node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from comfy.utils import ProgressBar
from comfy_api.latest import io

from ..slider_core.settings import SweepSettings
from .inputs import checked
from .loras import NO_FILE, changed, deltas_on, file_input, known, slider_of
from .sweep_pictures import for_viewer, grid_image, keep_rows
from .types import CATEGORY, LoraModel, SliderPrompts
from .widgets import widgets

if TYPE_CHECKING:
    from ..slider_core.comfy_bridge.sampling import OnStep
    from ..slider_core.evaluation import Prompt

ORDER = "strengths seed seeds steps cfg sampler_name scheduler denoise width height length batch_limit"


class SliderSweep(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SliderSweep",
            display_name="Slider Sweep",
            category=CATEGORY,
            description="Makes pictures of the same prompts and seeds at many strengths of a slider, shows them side "
            "by side and measures how far the slider can be used.",
            search_aliases=["xy plot", "strength sweep", "slider grid", "evaluate slider"],
            is_output_node=True,
            hidden=[io.Hidden.unique_id],
            inputs=[
                io.Model.Input("model", tooltip="The model, without the slider."),
                io.Vae.Input("vae", tooltip="The model's VAE."),
                io.Conditioning.Input("negative", tooltip="The negative prompt."),
                file_input(),
                *widgets(SweepSettings, ORDER),
                LoraModel.Input("slider", optional=True, tooltip="From Train Slider or Load Slider."),
                io.Conditioning.Input("positive", optional=True, tooltip="A prompt."),
                SliderPrompts.Input(
                    "prompts",
                    optional=True,
                    tooltip="Or several, from Slider Prompt Library: rows of the grid.",
                ),
                io.Latent.Input(
                    "latent_image",
                    optional=True,
                    tooltip="One latent to start from, instead of an empty one of width, height and length.",
                ),
            ],
            outputs=[
                io.Image.Output(display_name="grid", tooltip="All pictures with their labels, as one."),
                io.Image.Output(display_name="frames", tooltip="The pictures alone, row by row."),
                io.String.Output(display_name="report", tooltip="What the pictures say about the slider."),
                LoraModel.Output(
                    display_name="slider", tooltip="The slider, with its usable range written in."
                ),
            ],
        )

    @classmethod
    def validate_inputs(cls, strengths: str | None, slider_file: str) -> bool | str:
        from ..slider_core.evaluation import StrengthsError, sweep_strengths

        try:
            sweep_strengths(strengths or "-1, 1")
        except StrengthsError as error:
            return str(error)
        return known(slider_file)

    @classmethod
    def fingerprint_inputs(cls, slider_file: str = NO_FILE, **_: Any) -> float:
        return changed(slider_file)

    @classmethod
    @checked(own=["slider_file"])
    def execute(
        cls,
        model: Any,
        vae: Any,
        negative: Any,
        slider_file: str,
        slider: Any = None,
        positive: Any = None,
        prompts: Any = None,
        latent_image: Any = None,
        **given: Any,
    ) -> io.NodeOutput:
        from ..slider_core.comfy_bridge.sampling import empty_latent
        from ..slider_core.evaluation import sweep
        from ..slider_core.evaluation.report import with_range

        settings = SweepSettings(**given)
        task = sweep.Sweep.of(settings, _prompts(positive, prompts))
        slider = slider_of(slider, slider_file)
        deltas, notes = deltas_on(model, slider)
        start = latent_image or {
            "samples": empty_latent(model, settings.width, settings.height, settings.length)
        }
        done: list[torch.Tensor] = []
        try:
            latents = sweep.sample_sweep(
                model,
                deltas,
                task,
                negative,
                start["samples"],
                sweep.sampler_of(settings),
                settings.batch_limit,
                _on_step(model),
                start.get("noise_mask"),
                done.append,
            )
        except BaseException:  # cancelled, out of memory, …
            keep_rows(task, done, vae, cls)
            raise
        pictures = sweep.decode(latents, vae.decode)
        stills = sweep.stills(pictures)
        measured = sweep.report_on(task, pictures)
        text = "\n".join([*notes, measured.as_text()])
        shown: dict[str, list[Any]] = {"text": [text]}
        try:
            shown["slider_sweep"] = [for_viewer(task, stills, measured, cls)]
        except OSError as error:
            shown["text"].append(
                f"The viewer has no pictures: ComfyUI's temp folder cannot be written to ({error})."
            )
        return io.NodeOutput(
            grid_image(task, stills),
            pictures.flatten(0, 2),
            text,
            with_range(slider, measured),
            ui=shown,
        )


def _prompts(positive: Any, prompts: Any) -> tuple[Prompt, ...]:
    from ..slider_core.evaluation import Prompt

    if (positive is None) == (not prompts):
        raise ValueError("Connect either positive or prompts to Slider Sweep, and not both.")
    return tuple(prompts) if prompts else (Prompt("prompt", "", conditioning=positive),)


def _on_step(model: Any) -> OnStep:
    """Progress over the whole sweep, with a preview of the picture being made."""
    import latent_preview

    previewer = latent_preview.get_previewer(model.load_device, model.model.latent_format)
    bar = ProgressBar(1)

    def on_step(done: int, whole: int, denoised: torch.Tensor) -> None:
        preview = previewer.decode_latent_to_preview_image("JPEG", denoised) if previewer else None
        bar.update_absolute(done, whole, preview)

    return on_step
