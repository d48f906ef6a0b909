"""The order in which buckets are drawn."""

from __future__ import annotations

from comfy_api.latest import io

from .inputs import checked
from .progress import show
from .types import CATEGORY, SliderBuckets, SliderCycle


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
                io.Combo.Input(
                    "cycle",
                    options=["together", "alternate"],
                    default="together",
                    tooltip="together: every step sees both signs, with the same noise (steadier, faster). "
                    "alternate: one sign a step, as SimpleTuner does it.",
                ),
                io.Combo.Input(
                    "pairing",
                    options=["auto", "name", "order", "random"],
                    default="auto",
                    tooltip="Which positive and negative pictures belong together: those with the same file name, or "
                    "in the same place. Real pairs make purer sliders.",
                ),
                io.Combo.Input(
                    "weighting",
                    options=["uniform", "auto"],
                    default="auto",
                    tooltip="auto: both signs count the same, also if one has more pictures.",
                ),
                io.Combo.Input(
                    "neutral",
                    options=["anchor", "plain", "off"],
                    default="anchor",
                    tooltip="anchor: the slider must leave neutral pictures alone. plain: they are learned at "
                    "strength 1, as SimpleTuner does it. off: not used.",
                ),
                io.Int.Input("batch_size", default=1, min=1, max=64, tooltip="Pictures per sign and step."),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFFFFFFFFFF,
                    control_after_generate=io.ControlAfterGenerate.fixed,
                    tooltip="Of the order. The same seed gives the same draws.",
                ),
                io.Boolean.Input(
                    "one_sided",
                    default=False,
                    advanced=True,
                    tooltip="Train although the positive or the negative side is missing.",
                ),
                io.Combo.Input(
                    "loss_weighting",
                    options=["none", "mask", "difference"],
                    default="none",
                    optional=True,
                    advanced=True,
                    tooltip="Where in a picture is learned, and elsewhere left as it is. none: everywhere. mask: where "
                    "its mask is white. difference: where it differs from its partner.",
                ),
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
    def execute(
        cls,
        buckets,
        cycle: str,
        pairing: str,
        weighting: str,
        neutral: str,
        batch_size: int,
        seed: int,
        one_sided: bool = False,
        loss_weighting: str = "none",
    ) -> io.NodeOutput:
        from ..slider_core.data import Cycle, describe_cycle

        made = Cycle(
            tuple(buckets), cycle, pairing, weighting, neutral, batch_size, seed, one_sided, loss_weighting
        )
        plan = describe_cycle(made)
        return show(plan, made, plan)
