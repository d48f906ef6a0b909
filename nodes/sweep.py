"""A slider at many strengths: a labelled grid, a report, and a viewer on the node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from comfy.utils import ProgressBar
from comfy_api.latest import io

from ..slider_core.settings import ShownSweepSettings
from .inputs import checked
from .loras import NO_FILE, curve_fact, file_input, file_to_update
from .sweep_axes import changed_files, second_axis
from .sweep_pictures import Kept, by_new_curve, grid_image
from .types import CATEGORY, LoraModel, SliderPrompts
from .widgets import widgets

if TYPE_CHECKING:
    from ..slider_core.applying.sampling import OnStep
    from ..slider_core.evaluation import Prompt
    from ..slider_core.evaluation.report import Report

ORDER = "strengths seed seeds steps cfg sampler_name scheduler denoise width height length batch_limit"
LATER = "compare second_strengths keep animation"
LATEST = "store_curve response_curve update_file"
SECOND = "Second axis: the slider whose strengths second_strengths are."


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
                *widgets(ShownSweepSettings, ORDER),
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
                *widgets(ShownSweepSettings, LATER, later=True),
                file_input("second_file", optional=True, advanced=True, tooltip=SECOND),
                LoraModel.Input("second_slider", optional=True, tooltip=SECOND),
                *widgets(ShownSweepSettings, LATEST, later=True),
            ],
            outputs=[
                io.Image.Output(display_name="grid", tooltip="All pictures with their labels, as one."),
                io.Image.Output(display_name="frames", tooltip="The pictures alone, row by row."),
                io.String.Output(display_name="report", tooltip="What the pictures say about the slider."),
                LoraModel.Output(
                    display_name="slider", tooltip="The slider, with its usable range and response written in."
                ),
            ],
        )

    @classmethod
    def validate_inputs(cls, strengths: str | None) -> bool | str:
        """One input alone: ComfyUI marks each that is named here, and checks the choice of a file itself."""
        from ..slider_core.evaluation import sweep_strengths

        try:
            sweep_strengths(strengths or "-1, 1")
        except ValueError as error:
            return str(error)
        return True

    @classmethod
    def fingerprint_inputs(
        cls, slider_file: str = NO_FILE, compare: str | None = "", second_file: str | None = NO_FILE, **_: Any
    ) -> list[float]:
        return changed_files(compare or "", slider_file, second_file or NO_FILE)

    @classmethod
    @checked(own=["slider_file", "second_file"])
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
        second_file: str = NO_FILE,
        second_slider: Any = None,
        **given: Any,
    ) -> io.NodeOutput:
        from ..slider_core.applying.sampling import empty_latent
        from ..slider_core.evaluation import sweep
        from ..slider_core.evaluation.response import measured_slider
        from ..slider_core.files.beside import update, with_thumbnail

        settings = ShownSweepSettings(**given)
        file = file_to_update(slider, slider_file) if settings.update_file else None
        axis = second_axis(
            model, slider, slider_file, settings.compare, second_slider, second_file, settings.second_strengths,
            settings.response_curve,
        )  # fmt: skip
        task = sweep.Sweep.of(settings, _prompts(positive, prompts), axis.labels)
        start = latent_image or {
            "samples": empty_latent(model, settings.width, settings.height, settings.length)
        }
        kept = Kept(task, axis, settings.keep, settings.animation, cls)
        done: dict[int, torch.Tensor] = {}
        try:
            latents = sweep.sample_sweep(
                axis.variants,
                task,
                negative,
                start["samples"],
                sweep.sampler_of(settings),
                settings.batch_limit,
                _on_step(model),
                start.get("noise_mask"),
                done.__setitem__,
            )
        except BaseException:  # cancelled, out of memory, …
            kept.of_done(done, vae)
            raise
        pictures = sweep.decode(latents, vae.decode)
        stills = sweep.stills(pictures)
        measured = [sweep.report_on(task, pictures, place) for place in range(len(axis.labels))]
        by = axis.variants[0].curve
        swept = measured_slider(axis.slider, measured[0], by, settings.store_curve)
        ends = sweep.ends_of(task, stills, measured[0].usable_range)
        swept = with_thumbnail(swept, ends) if ends else swept
        said = [curve_fact(swept)] if settings.store_curve else []
        said += [f"Written into {update(file, swept).name}."] if file else []
        text = "\n".join([*axis.notes, _text(axis.labels, measured), *filter(None, said)])
        shown: dict[str, list[Any]] = {"text": [text]}
        try:
            shown |= kept.shown(stills, measured, range(len(task.rows)), by_new_curve(task, swept, by))
        except OSError as error:
            shown["text"].append(
                f"The pictures are not kept: ComfyUI's folders cannot be written to ({error})."
            )
        return io.NodeOutput(
            grid_image(task, stills),
            pictures.flatten(0, 2),
            text,
            swept,
            ui=shown,
        )


def _text(labels: Sequence[str], measured: Sequence[Report]) -> str:
    """The reports one after the other, each under the label of its place."""
    from ..slider_core.evaluation.report_text import text_of

    titled = zip(labels, measured, strict=True)
    return "\n\n".join("\n".join(filter(None, (label, text_of(report)))) for label, report in titled)


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
