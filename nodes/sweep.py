"""A slider at many strengths: a labelled grid, a report, and a viewer on the node."""

from __future__ import annotations

from typing import Any

import comfy.samplers
import torch
from comfy.utils import ProgressBar
from comfy_api.latest import io

from .inputs import checked
from .loras import NO_FILE, changed, deltas_on, file_input, known, slider_of
from .sweep_pictures import for_viewer, grid_image, keep_rows
from .types import CATEGORY, LoraModel, SliderPrompts


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
                io.String.Input(
                    "strengths",
                    default="-2:2:7",
                    tooltip="start:stop:count, or a list: -2, -1, 0, 1. Strength 0 is added where it is missing: it "
                    "is what the others are compared with.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFFFFFFFFFF,
                    control_after_generate=io.ControlAfterGenerate.fixed,
                    tooltip="Of the first row's noise; each row has the same noise at all strengths.",
                ),
                io.Int.Input(
                    "seeds", default=1, min=1, max=64, tooltip="So many seeds from this one: a row each."
                ),
                io.Int.Input("steps", default=20, min=1, max=10000, tooltip="Of the sampler, as in KSampler."),
                io.Float.Input(
                    "cfg", default=8.0, min=0.0, max=100.0, step=0.1, round=0.01, tooltip="As in KSampler."
                ),
                io.Combo.Input(
                    "sampler_name",
                    options=comfy.samplers.KSampler.SAMPLERS,
                    default="euler",
                    tooltip="Samplers that draw noise on the way (ancestral, sde) make one picture at a time.",
                ),
                io.Combo.Input(
                    "scheduler",
                    options=comfy.samplers.KSampler.SCHEDULERS,
                    default="simple",
                    tooltip="As in KSampler.",
                ),
                io.Float.Input(
                    "denoise",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    advanced=True,
                    tooltip="Below 1 with a latent_image: how much of it is made anew.",
                ),
                io.Int.Input(
                    "width", default=1024, min=16, max=16384, step=8, tooltip="Of a picture, in pixels."
                ),
                io.Int.Input(
                    "height", default=1024, min=16, max=16384, step=8, tooltip="Of a picture, in pixels."
                ),
                io.Int.Input("length", default=1, min=1, max=1024, tooltip="Frames, for video models."),
                io.Int.Input(
                    "batch_limit",
                    default=0,
                    min=0,
                    max=256,
                    advanced=True,
                    tooltip="Pictures made at once. 0: as many as the memory holds.",
                ),
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
    def fingerprint_inputs(cls, slider_file: str = NO_FILE, **_) -> float:
        return changed(slider_file)

    @classmethod
    @checked(own=["slider_file"])
    def execute(
        cls,
        model,
        vae,
        negative,
        slider_file: str,
        strengths: str,
        seed: int,
        seeds: int,
        steps: int,
        cfg: float,
        sampler_name: str,
        scheduler: str,
        denoise: float,
        width: int,
        height: int,
        length: int,
        batch_limit: int,
        slider=None,
        positive=None,
        prompts=None,
        latent_image=None,
    ) -> io.NodeOutput:
        from ..slider_core.applying.sampling import SamplerSettings, empty_latent
        from ..slider_core.evaluation import sweep, sweep_strengths
        from ..slider_core.evaluation.report import with_range

        task = sweep.Sweep(
            _prompts(positive, prompts),
            tuple((seed + more) % 2**64 for more in range(seeds)),
            tuple(sweep_strengths(strengths)),
        )
        slider = slider_of(slider, slider_file)
        deltas, notes = deltas_on(model, slider)
        start = latent_image or {"samples": empty_latent(model, width, height, length)}
        settings = SamplerSettings(steps, cfg, sampler_name, scheduler, denoise)
        done: list[torch.Tensor] = []
        try:
            latents = sweep.sample_sweep(
                model,
                deltas,
                task,
                negative,
                start["samples"],
                settings,
                batch_limit,
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


def _prompts(positive, prompts) -> tuple:
    from ..slider_core.evaluation import Prompt

    if (positive is None) == (not prompts):
        raise ValueError("Connect either positive or prompts to Slider Sweep, and not both.")
    return tuple(prompts) if prompts else (Prompt("prompt", "", conditioning=positive),)


def _on_step(model):
    """Progress over the whole sweep, with a preview of the picture being made."""
    import latent_preview

    previewer = latent_preview.get_previewer(model.load_device, model.model.latent_format)
    bar = ProgressBar(1)

    def on_step(done: int, whole: int, denoised: torch.Tensor) -> None:
        preview = previewer.decode_latent_to_preview_image("JPEG", denoised) if previewer else None
        bar.update_absolute(done, whole, preview)

    return on_step
