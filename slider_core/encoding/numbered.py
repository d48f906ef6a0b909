"""The number of each picture of a bucket, and the buckets of graded strengths that are made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..data.bucket import MIRRORED, Bucket, Example
from ..data.faults import PictureError, first_of, one_for_each
from ..data.faults import bucket as subject
from ..data.graded import graded
from ..data.number_tables import read_table
from ..data.numbers import matched_numbers, unmatched, without_token
from ..given import quoted
from ..settings import NumberSettings

Encode = Callable[[str], list[Any]]  # gives ComfyUI's CONDITIONING of a caption
Numbered = tuple[Sequence[Example], list[float | None]]  # examples, and the number of each


def numbered(
    bucket: Bucket, settings: NumberSettings, encode: Encode | None, numbers: Sequence[float] = ()
) -> tuple[tuple[Bucket, ...], list[str]]:
    """A positive, a negative and a neutral bucket of one, those of them that have pictures, and notes on them.

    Args:
        settings: `table` is the text of the table.
        encode: what is left of captions without their tokens.
        numbers: one for each picture, in place of tokens or a table.

    Raises:
        PictureError: if numbers come from no place or several, or make no slider; see `data.graded`.
    """
    sources = {"token": settings.token.strip(), "table": settings.table.strip(), "numbers": numbers}
    given = [name for name, there in sources.items() if there]
    if len(given) != 1:
        found = f"{' and '.join(given)} are given" if given else "none is given"
        raise PictureError(f"Numbers come from one place: token, table or numbers; {found}. Give one.")
    table = read_table(settings.table) if settings.table.strip() else {}
    examples, found_numbers = _found(bucket, settings, encode, numbers, table)
    made, notes = graded(bucket.name, examples, found_numbers, settings)
    if unused := unmatched([example.name for example in examples], table):
        fit = "line of the table fits" if len(unused) == 1 else "lines of the table fit"
        notes.append(f"{len(unused)} {fit} no picture: {first_of(unused)}.")
    return tuple(replace(one, probability=bucket.probability, repeats=bucket.repeats) for one in made), notes


def _found(
    bucket: Bucket,
    settings: NumberSettings,
    encode: Encode | None,
    numbers: Sequence[float],
    table: Mapping[str, float],
) -> Numbered:
    if numbers:
        return bucket.examples, _one_each(bucket, numbers)
    if table:
        return bucket.examples, matched_numbers([example.name for example in bucket.examples], table)
    return _of_tokens(bucket, settings.token.strip(), encode)


def _one_each(bucket: Bucket, numbers: Sequence[float]) -> list[float | None]:
    """The number of each example; a mirrored picture has that of its picture."""
    mirrored = any(example.name.endswith(MIRRORED) for example in bucket.examples[1::2])
    count = len(bucket.examples) // (1 + mirrored)
    one_for_each(subject(bucket.name), count, "numbers", len(numbers), (count,))
    return [float(number) for number in numbers for _ in range(1 + mirrored)]


def _of_tokens(bucket: Bucket, word: str, encode: Encode | None) -> Numbered:
    if encode is None:
        raise PictureError("Captions without their tokens must be encoded again: connect clip.")
    plain = [_without_token(example, word, encode) for example in bucket.examples]
    if all(number is None for _, number in plain):
        raise PictureError(
            f"No caption of bucket {quoted(bucket.name)} has a token such as ({quoted(word)[1:-1]}:0.7). Its first "
            f"caption is {quoted(bucket.examples[0].caption)}."
        )
    return [example for example, _ in plain], [number for _, number in plain]


def _without_token(example: Example, word: str, encode: Encode) -> tuple[Example, float | None]:
    """The example with the token taken out of all its captions, and the first number of these."""
    one, number = _of_caption(example, word, encode)
    variants = [_of_caption(variant, word, encode) for variant in example.variants]
    found = (number, *(of_variant for _, of_variant in variants))
    whole = replace(one, variants=tuple(variant for variant, _ in variants))
    return whole, next((one for one in found if one is not None), None)


def _of_caption(example: Example, word: str, encode: Encode) -> tuple[Example, float | None]:
    caption, number = without_token(example.caption, word)
    if number is None:
        return example, None
    return replace(example, caption=caption, conditioning=encode(caption)), number
