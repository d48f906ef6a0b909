"""Strengths as a widget takes them: `-2:2:9` (start, stop, count) or a list `-2, -1, 0, 1`."""

from __future__ import annotations

import math
import re

from ..given import STRONGEST, number, number_texts, quoted

MOST = 101  # a sweep renders a picture for each


class StrengthsError(ValueError):
    """The text is no range and no list of strengths."""


def parse_strengths(text: str) -> list[float]:
    """The strengths that `text` names, in its order.

    `start:stop:count` gives `count` evenly spaced strengths, both ends included; a list is separated by commas,
    semicolons or blanks. Both may be mixed: `-4, -2:2:5, 4`. Decimal commas are understood; see `given.number_texts`.

    Raises:
        StrengthsError: for anything else, for repeated strengths, and for more than MOST of them.
    """
    strengths = [strength for part in number_texts(text) for strength in _part(part)]
    if not strengths:
        raise StrengthsError("No strengths are given. Write a range like -2:2:9 or a list like -2, -1, 0, 1.")
    if len(strengths) > MOST:
        raise StrengthsError(f"{len(strengths)} strengths are given; at most {MOST} are possible in one sweep.")
    repeated = sorted({strength for strength in strengths if strengths.count(strength) > 1})
    if repeated:
        raise StrengthsError(f"Strength {repeated[0]:g} is given twice. Name each strength once.")
    return strengths


def sweep_strengths(text: str) -> list[float]:
    """The strengths of a sweep, sorted: those that `text` names, and 0, which the others are compared with.

    Raises:
        StrengthsError: as `parse_strengths`, and if there are no others.
    """
    strengths = sorted({0.0, *parse_strengths(text)})
    if len(strengths) < 2:
        raise StrengthsError("A sweep needs a strength other than 0. Write a range like -2:2:9.")
    return strengths


def _part(part: str) -> list[float]:
    pieces = part.split(":")
    if len(pieces) == 1:
        return [_number(part, part)]
    if len(pieces) != 3:
        raise StrengthsError(f"{quoted(part)} is no range. Write start:stop:count, like -2:2:9.")
    start, stop = (_number(piece, part) for piece in pieces[:2])
    if not re.fullmatch(r"\d{1,4}", pieces[2]) or not 2 <= int(pieces[2]) <= MOST:
        raise StrengthsError(f"The count in {quoted(part)} must be a whole number from 2 to {MOST}.")
    steps = int(pieces[2]) - 1
    return [_rounded(start + (stop - start) * i / steps) for i in range(steps + 1)]


def _number(text: str, part: str) -> float:
    found = number(text)
    value = math.nan if found is None else found
    if not abs(value) <= STRONGEST:
        raise StrengthsError(
            f"{quoted(text)} in {quoted(part)} is no number from −{STRONGEST:g} to {STRONGEST:g}. Write a range -2:2:9 "
            "or a list -1, 0, 1."
        )
    return value + 0.0  # no -0.0


def _rounded(value: float) -> float:
    """Without the dust of binary fractions, so that a range meets 0 exactly and labels stay short."""
    return round(value, 9) + 0.0
