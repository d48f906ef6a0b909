"""The order in which buckets are drawn."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..slider_core.settings import CycleSettings
from .inputs import checked
from .progress import show
from .types import CATEGORY, SliderBuckets, SliderCycle
from .widgets import widgets


class CycleSampler(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="CycleSampler",
            display_name="Slider Cycle",
            category=CATEGORY,
            description="Draws from the buckets in the cycle positive → negative → neutral. A bucket that is used up "
            "drops out until the next epoch.",
            search_aliases=["slider sampler", "training cycle", "bucket sampler"],
            is_input_list=True,
            inputs=[
                SliderBuckets.Input("buckets", tooltip="From Load Slider Bucket."),
                *widgets(CycleSettings, "cycle pairing weighting neutral batch_size seed one_sided"),
                *widgets(CycleSettings, "loss_weighting", later=True),
            ],
            outputs=[
                SliderCycle.Output(display_name="cycle", tooltip="For Train Slider."),
                io.String.Output(
                    display_name="plan", tooltip="The first draws, and what is unequal or missing."
                ),
            ],
        )

    @classmethod
    @checked()
    def execute(cls, buckets: Any, **given: Any) -> io.NodeOutput:
        from ..slider_core.data import Cycle, describe_cycle

        made = Cycle.of(buckets, CycleSettings(**given))
        plan = describe_cycle(made)
        return show(plan, made, plan)
