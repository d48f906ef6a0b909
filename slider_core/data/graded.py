"""Buckets of pictures that have a number each: graded strengths, or the two ends of an unsorted set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from ..given import STRONGEST, quoted
from ..settings import NumberSettings
from .balance import balanced_ends
from .bucket import Bucket, Example
from .faults import PictureError, first_of


def graded(
    name: str, examples: Sequence[Example], numbers: Sequence[float | None], settings: NumberSettings
) -> tuple[tuple[Bucket, ...], list[str]]:
    """A positive, a negative and a neutral bucket, those of them that have pictures, and what to know of them.

    Args:
        numbers: of each picture; those without one are left out.
        settings: how numbers become strengths; where they come from is not looked at.

    Raises:
        PictureError: if no picture has a number, all have the same, or a number is no strength.
    """
    known = [(example, number) for example, number in zip(examples, numbers, strict=True) if number is not None]
    if not known:
        raise PictureError(
            f"No picture of bucket {quoted(name)} has a number. Its pictures are called "
            f"{', '.join(quoted(example.name) for example in examples[:3])}; numbers are found by these names."
        )
    notes = _left_out(
        [e.name for e, number in zip(examples, numbers, strict=True) if number is None], len(examples)
    )
    strengths = _strengths([number for _, number in known], settings)
    some = [replace(e, strength=s, variants=tuple(replace(v, strength=s) for v in e.variants))
            for (e, _), s in zip(known, strengths, strict=True)]  # fmt: skip
    signs = {sign: [e for e in some if _sign(e.strength) == sign] for sign in (+1, -1, 0)}
    if settings.use == "balanced ends":
        signs, said = _ends(some, settings)
        notes += said
    made = [
        Bucket(
            f"{name} {word}" if word else name,
            tuple(replace(e, strength=e.strength or None) for e in signs[sign]),
            sign * _largest(signs[sign]) or None,
        )
        for sign, word in ((+1, "more"), (-1, "less"), (0, "neutral"))
        if signs[sign]
    ]
    return tuple(made), notes


def _left_out(names: Sequence[str], count: int) -> list[str]:
    if not names:
        return []
    has = "has no number and is" if len(names) == 1 else "have no number and are"
    return [f"{len(names)} of {count} pictures {has} left out: {first_of(names)}."]


def _largest(examples: Sequence[Example]) -> float:
    return max(abs(example.strength or 0.0) for example in examples)


def _sign(strength: float | None) -> int:
    value = strength or 0.0
    return (value > 0) - (value < 0)


def _strengths(numbers: Sequence[float], settings: NumberSettings) -> list[float]:
    if settings.scale == "as they are":
        wrong = next((number for number in numbers if abs(number) > STRONGEST), None)
        if wrong is not None:
            raise PictureError(
                f"A picture has the number {wrong:g}, which is no strength ({-STRONGEST:g} to {STRONGEST:g}). Set "
                f"scale to 'middle to 0'."
            )
        return list(numbers)
    zero = median(numbers) if settings.scale == "middle to 0" else min(numbers)
    most = max(abs(number - zero) for number in numbers)
    if most == 0:
        raise PictureError(
            f"All {len(numbers)} pictures have the number {numbers[0]:g}, so none has more than another."
        )
    return [round((number - zero) / most * settings.strongest, 6) for number in numbers]


def _ends(examples: Sequence[Example], settings: NumberSettings) -> tuple[dict[int, list[Example]], list[str]]:
    """The ends, in the order of their matches; numbers in the middle are left out."""
    order = sorted(range(len(examples)), key=lambda i: examples[i].strength or 0.0)
    most = max(1, int(len(order) * min(settings.ends, 0.5)))
    less, more = order[:most], order[-most:]
    low, high = (examples[i].strength or 0.0 for i in (less[-1], more[0]))
    if len(order) < 2 or low >= high:
        raise PictureError(
            f"The two ends of the numbers meet ({low:g}). Give more pictures, or numbers that differ."
        )
    middle = (low + high) / 2
    if not (low < 0 < high):  # numbers that are all of one sign still have two ends
        examples = [replace(e, strength=(e.strength or 0.0) - middle) for e in examples]
    balance = balanced_ends(examples, more, less)
    left = 2 * most - len(balance.more) - len(balance.less)
    notes = [
        f"each end has {len(balance.more)} of {len(examples)} pictures; {left} of the ends have no like and are left "
        "out."
    ]
    ends = {+1: [examples[i] for i in balance.more], -1: [examples[i] for i in balance.less], 0: []}
    return ends, notes + balance.lines()
