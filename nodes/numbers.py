"""A number a picture: graded strengths from captions, from a table or from the graph."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..slider_core.given import counted
from ..slider_core.settings import NumberSettings
from .inputs import checked, one
from .json_text import changed_text, text_or_file
from .progress import show
from .types import CATEGORY, SliderBuckets
from .widgets import widgets


class SliderNumbers(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SliderNumbers",
            display_name="Slider Strength per Picture",
            category=CATEGORY,
            description="Gives every picture of a bucket a strength of its own: from tokens in its caption such as "
            "(smile:0.7), from a table of files and numbers, or from a list of numbers. One unsorted folder becomes a "
            "positive and a negative bucket.",
            search_aliases=["graded slider", "score", "weighted captions", "csv strengths", "unsorted folder"],
            is_input_list=True,
            inputs=[
                SliderBuckets.Input(
                    "buckets", tooltip="The last bucket of the chain is the one that is graded."
                ),
                *widgets(NumberSettings, "token table scale strongest use ends"),
                io.Float.Input(
                    "numbers",
                    min=-1e9,
                    max=1e9,
                    optional=True,
                    force_input=True,
                    tooltip="A list of numbers from another node, one for each picture in its order.",
                ),
                io.Clip.Input("clip", optional=True, tooltip="The model's text encoder, where token is used."),
            ],
            outputs=[
                SliderBuckets.Output(
                    display_name="buckets",
                    tooltip="The chain, with the graded buckets in the place of its last.",
                ),
                io.String.Output(display_name="report", tooltip="Numbers, ends, and what else still differs."),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, table: str | list[str] = "", **_: Any) -> str:
        """Changes when the file of the table does."""
        from ..slider_core.data.number_tables import TABLE_FILES

        return changed_text(one(table), TABLE_FILES)

    @classmethod
    @checked(many=["buckets", "numbers"])
    def execute(cls, buckets: Any, numbers: Any = None, clip: Any = None, **given: Any) -> io.NodeOutput:
        from ..slider_core.data.number_tables import TABLE_FILES
        from ..slider_core.encoding import Cache, Encoders, numbered
        from .bucket_making import cache_folder

        chain = [bucket for one in buckets for bucket in one]
        if not chain:
            raise ValueError("The buckets input got none. Connect a Load Slider Bucket.")
        *before, last = chain
        table = text_or_file(given.pop("table", ""), "table of strengths", TABLE_FILES)
        settings = NumberSettings(**given, table=table)
        given_numbers = [number for number in numbers or [] if number is not None]
        encoders = Encoders(clip=clip, cache=Cache(cache_folder()))
        encode = None if clip is None else encoders.conditioning
        made, notes = numbered(last, settings, encode, given_numbers)
        notes += encoders.finished()
        report = "\n".join([*map(_described, made), *(f"Note: {note}" for note in notes)])
        return show(report, (*before, *made), report)


def _described(bucket: Any) -> str:
    strengths = sorted(bucket.strength_of(example) for example in bucket.examples)
    return (
        f"{bucket.name}: {counted(len(bucket.examples), 'picture')} at {strengths[0]:+g} to {strengths[-1]:+g}"
    )
