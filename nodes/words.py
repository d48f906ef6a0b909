"""A slider from words alone: prompts with more and with less of a concept, and no pictures."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..slider_core.settings import WordsSettings
from .inputs import checked
from .progress import show
from .types import CATEGORY, SliderBuckets, SliderCycle
from .widgets import widgets

ORDER = "more less neutral preserve guidance pictures seed steps cfg sampler_name scheduler width height"


class SliderFromWords(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SliderFromWords",
            display_name="Slider from Words",
            category=CATEGORY,
            description="What Train Slider learns a concept from when there are no pictures of it: prompts with more "
            "and with less. The preview shows the direction before anything is trained.",
            search_aliases=["text slider", "prompt slider", "LECO", "concept slider from prompts"],
            inputs=[
                io.Model.Input(
                    "model", tooltip="The model that is trained on; it makes the practice pictures."
                ),
                io.Clip.Input("clip", tooltip="The model's text encoder."),
                io.Vae.Input("vae", tooltip="For the preview."),
                *widgets(WordsSettings, ORDER),
                io.Conditioning.Input("negative", optional=True, tooltip="Else an empty prompt."),
            ],
            outputs=[
                SliderCycle.Output(display_name="cycle", tooltip="For Train Slider."),
                SliderBuckets.Output(
                    display_name="buckets", tooltip="For Slider Cycle, to train on pictures and words together."
                ),
                io.Image.Output(
                    display_name="preview", tooltip="The direction at five strengths, without any training."
                ),
                io.String.Output(
                    display_name="plan", tooltip="Which prompts are compared, and the first draws."
                ),
            ],
        )

    @classmethod
    @checked()
    def execute(cls, model: Any, clip: Any, vae: Any, negative: Any = None, **given: Any) -> io.NodeOutput:
        from ..slider_core.runs.words import Practice
        from .sweep_pictures import grid_image

        practice = Practice.of(model, clip, WordsSettings(**given), negative)
        cycle = practice.cycle()
        preview, plan = grid_image(*practice.preview(vae)), practice.plan(cycle)
        return show(plan, cycle, cycle.buckets, preview, plan)
