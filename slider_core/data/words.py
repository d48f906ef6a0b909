"""Words in place of pictures: prompts with more and with less of a concept, whose difference is the direction."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

from ..given import quoted

MOST_PHRASES = 64


class WordsError(ValueError):
    """The prompts give no direction."""


@dataclass(frozen=True)
class Words:
    """What an example's target is made from, if not from its picture: see `training.words`.

    Attributes:
        more, less: ComfyUI's CONDITIONING lists, the n-th of one against the n-th of the other.
        guidance: how far strength 1 goes along their difference.
    """

    more: tuple[list[Any], ...]
    less: tuple[list[Any], ...]
    guidance: float = 3.0


def phrases(more: str, less: str, preserve: str = "") -> list[tuple[str, str]]:
    """The prompts that are compared: more and less, both with the same one of each attribute that is to stay.

    With "bright eyes, dull eyes" in `preserve`, a smile with bright eyes is compared with a frown with bright eyes, and
    one with dull eyes with another, so what remains of the eyes in the difference is no part of it.

    Args:
        preserve: an attribute a line, its values separated by commas.

    Raises:
        WordsError: if both prompts are the same, or the attributes have too many combinations.
    """
    if more.split() == less.split():
        raise WordsError(
            f"More and less are both {quoted(more)}. Say what strength 1 and what strength −1 shows."
        )
    lines = [[value.strip() for value in line.split(",") if value.strip()] for line in preserve.splitlines()]
    attributes = [values for values in lines if values]
    kept: list[tuple[str, ...]] = list(product(*attributes))[: MOST_PHRASES + 1]
    if len(kept) > MOST_PHRASES:
        raise WordsError(
            f"The attributes to preserve have more than {MOST_PHRASES} combinations. Leave out lines or values."
        )
    return [(", ".join((more, *values)), ", ".join((less, *values))) for values in kept]
