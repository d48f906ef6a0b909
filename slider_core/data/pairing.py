"""Which positive and negative pictures belong together: the same picture with more and with less of the concept."""

from __future__ import annotations

from collections.abc import Sequence

from ..given import quoted
from ..settings.data import PAIRINGS
from .bucket import Bucket

# An example: index of its bucket, index within the bucket.
ExampleIndex = tuple[int, int]


class PairingError(ValueError):
    """The pictures cannot be paired as asked."""


def pair_up(buckets: Sequence[Bucket], pairing: str) -> dict[ExampleIndex, ExampleIndex]:
    """The negative partner of each positive example that has one.

    Args:
        pairing: `name` pairs by equal file names, `order` by position, `random` not at all; `auto` is `name` if
            at least half of the positive pictures find their name among the negative ones, else `order` if both
            sides are of the same size, else `random`.

    Raises:
        PairingError: if `name` is asked for and no name matches, or for an unknown pairing.
    """
    if pairing not in PAIRINGS:
        raise PairingError(f"There is no pairing {quoted(pairing)}; choose one of {', '.join(PAIRINGS)}.")
    positive, negative = places(buckets, +1), places(buckets, -1)
    if pairing == "random" or not positive or not negative:
        return {}
    by_name = _by_name(buckets, positive, negative)
    if pairing == "name" and not by_name:
        first, second = (buckets[i].examples[j].name for i, j in (positive[0], negative[0]))
        raise PairingError(
            f"No positive and negative picture share a file name ({quoted(first)} and {quoted(second)}, for example). "
            "Name both pictures of a pair alike, or choose pairing 'order' or 'random'."
        )
    if pairing == "name" or (pairing == "auto" and 2 * len(by_name) >= len(positive)):
        return by_name
    if pairing == "order" or len(positive) == len(negative):
        return dict(zip(positive, negative, strict=False))
    return {}


def places(buckets: Sequence[Bucket], sign: int) -> list[ExampleIndex]:
    """Every example of the buckets of this sign, in order."""
    return [(i, j) for i, b in enumerate(buckets) if b.sign == sign for j in range(len(b.examples))]


def _by_name(
    buckets: Sequence[Bucket], positive: list[ExampleIndex], negative: list[ExampleIndex]
) -> dict[ExampleIndex, ExampleIndex]:
    """Pairs of equal names, or of equal numbers where both have no name; of several candidates, the one whose strength
    is most nearly the opposite."""

    def name(place: ExampleIndex) -> tuple[bool, str]:
        example = buckets[place[0]].examples[place[1]]
        return example.named, example.name

    def strength_of(place: ExampleIndex) -> float:
        return buckets[place[0]].strength_of(buckets[place[0]].examples[place[1]])

    partners: dict[tuple[bool, str], list[ExampleIndex]] = {}
    for place in negative:
        partners.setdefault(name(place), []).append(place)
    pairs = {}
    for place in positive:
        candidates = partners.get(name(place))
        if candidates:
            strength = strength_of(place)
            pairs[place] = min(candidates, key=lambda c: abs(strength_of(c) + strength))
    return pairs
