"""A number a picture: graded strengths from captions, from a table or from the graph."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..slider_core.data.graded import ENDS, SCALES
from .inputs import checked
from .json_text import text_or_file
from .progress import show
from .types import CATEGORY, SliderBuckets

TABLES = (".csv", ".tsv", ".jsonl")
Numbered = tuple[tuple[Any, ...], list[float | None]]  # examples, and the number of each


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
                io.String.Input(
                    "token",
                    default="",
                    tooltip="The word of the token in captions: smile for (smile:0.7). Tokens are taken out of the "
                    "captions, for which clip is needed.",
                ),
                io.String.Input(
                    "table",
                    default="",
                    multiline=True,
                    tooltip='A line for each picture: face.png,0.7 or {"file": "face.png", "strength": 0.7}; or the '
                    "name of such a .csv, .tsv or .jsonl file below the input folder.",
                ),
                io.Combo.Input(
                    "scale",
                    options=list(SCALES),
                    default=SCALES[0],
                    tooltip="as they are: numbers are strengths. middle to 0: the median becomes 0, and the farthest "
                    "number plus or minus strongest. smallest to 0: the largest becomes strongest.",
                ),
                io.Float.Input(
                    "strongest",
                    default=0.5,
                    min=0.01,
                    max=10.0,
                    step=0.05,
                    tooltip="Strength of the farthest number.",
                ),
                io.Combo.Input(
                    "use",
                    options=list(ENDS),
                    default=ENDS[0],
                    tooltip="all: every picture. balanced ends: as many pictures of both ends that look alike in "
                    "shape, brightness and words of the caption.",
                ),
                io.Float.Input(
                    "ends",
                    default=0.33,
                    min=0.01,
                    max=0.5,
                    step=0.01,
                    advanced=True,
                    tooltip="For balanced ends: the share of all pictures that each end may have.",
                ),
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
    @checked(many=["buckets", "numbers"])
    def execute(
        cls,
        buckets: Any,
        token: str,
        table: str,
        scale: str,
        strongest: float,
        use: str,
        ends: float,
        numbers: Any = None,
        clip: Any = None,
    ) -> io.NodeOutput:
        from ..slider_core.data.graded import Grading, graded

        chain = [bucket for one in buckets for bucket in one]
        if not chain:
            raise ValueError("The buckets input got none. Connect a Load Slider Bucket.")
        *before, last = chain
        examples, found = _numbers(
            last, token.strip(), table, [n for n in numbers or [] if n is not None], clip
        )
        made, notes = graded(last.name, examples, found, Grading(scale, strongest, use, ends))
        made = tuple(_like(last, bucket) for bucket in made)
        report = "\n".join([*map(_described, made), *(f"Note: {note}" for note in notes)])
        return show(report, (*before, *made), report)


def _numbers(bucket: Any, token: str, table: str, numbers: list[float], clip: Any) -> Numbered:
    """The bucket's examples, and the number of each."""
    from ..slider_core.data.faults import bucket as subject
    from ..slider_core.data.faults import one_for_each
    from ..slider_core.data.numbers import matched_numbers, read_table

    given = [
        name for name, there in (("token", token), ("table", table.strip()), ("numbers", numbers)) if there
    ]
    if len(given) != 1:
        found = f"{' and '.join(given)} are given" if given else "none is given"
        raise ValueError(f"Numbers come from one place: token, table or numbers; {found}. Give one.")
    if numbers:
        one_for_each(
            subject(bucket.name), len(bucket.examples), "numbers", len(numbers), (len(bucket.examples),)
        )
        return bucket.examples, [float(number) for number in numbers]
    if token:
        return _of_tokens(bucket, token, clip)
    rows = read_table(text_or_file(table, "table of strengths", TABLES))
    return bucket.examples, matched_numbers([example.name for example in bucket.examples], rows)


def _of_tokens(bucket: Any, token: str, clip: Any) -> Numbered:
    from dataclasses import replace

    from ..slider_core.data.numbers import without_token
    from ..slider_core.encoding.encoders import Encoders

    if clip is None:
        raise ValueError("Captions without their tokens must be encoded again: connect clip.")
    encoders = Encoders(clip=clip)
    examples, numbers = list[Any](), list[float | None]()

    def plain(example: Any) -> tuple[Any, float | None]:
        caption, number = without_token(example.caption, token)
        if number is None:
            return example, None
        return replace(example, caption=caption, conditioning=encoders.conditioning(caption)), number

    for example in bucket.examples:
        one, number = plain(example)
        variants = [plain(variant) for variant in example.variants]
        examples.append(replace(one, variants=tuple(variant for variant, _ in variants)))
        numbers.append(next((n for n in (number, *(n for _, n in variants)) if n is not None), None))
    return tuple(examples), numbers


def _like(old: Any, bucket: Any) -> Any:
    from dataclasses import replace

    return replace(bucket, probability=old.probability, repeats=old.repeats)


def _described(bucket: Any) -> str:
    strengths = sorted(bucket.strength_of(example) for example in bucket.examples)
    return f"{bucket.name}: {len(bucket.examples)} pictures at {strengths[0]:+g} to {strengths[-1]:+g}"
