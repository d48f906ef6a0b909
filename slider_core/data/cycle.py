"""The order of training: positive → negative → neutral, again and again (as SimpleTuner does with sliders).

Buckets are grouped by the sign of their strength. Each turn draws from the groups in this order; within a group
the bucket is chosen by its probability. A bucket whose examples are all drawn drops out, and the cycle goes on
with what is left; when nothing is left, the next epoch begins with every bucket full again.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..given import STRONGEST, quoted
from ..settings import CycleSettings, SettingsError, faults, settings_of
from .bucket import Bucket, Example
from .pairing import ExampleIndex, pair_up

SIGNS = (+1, -1, 0)
MOST = 1_000_000  # draws in an epoch
SIGN_NAMES = {+1: "positive", -1: "negative", 0: "neutral"}


class CycleError(SettingsError):
    """The buckets do not make a cycle that a slider can learn from."""


@dataclass(frozen=True)
class Draw:
    """One example of a turn.

    Attributes:
        strength: of the slider for this example; for an anchor, the strength it is held still at.
        weight: of its loss.
        pair: draws of a turn with the same number share noise and timestep.
        matched: whether it is the partner of another draw of this turn: the same picture, opposite sign.
    """

    bucket: Bucket
    example: Example
    strength: float
    weight: float
    pair: int
    matched: bool = False

    @property
    def sign(self) -> int:
        """Of its bucket: +1, −1 or 0."""
        return self.bucket.sign


Turn = tuple[Draw, ...]


@dataclass(frozen=True)
class Cycle:
    """Buckets and the rule for drawing from them. The same cycle always gives the same draws.

    Attributes:
        mode: `together` puts every sign into one turn, a step of the optimiser; `alternate` one bucket a turn.
        pairing: see `pairing.pair_up`.
        weighting: `auto` weights losses so that both signs count the same over an epoch; `uniform` does not.
        neutral: what neutral buckets are for: `anchor` (the slider must leave them as they are), `plain`
            (trained as ordinary pictures at strength 1) or `off`.
        batch_size: examples per sign and turn.
        one_sided: allows a missing positive or negative side.
        loss_weighting: where in a picture the loss counts: `none` everywhere alike, `mask` where its mask is white,
            `difference` where it differs from its partner.

    Raises:
        CycleError: if a side is missing, nothing is left to train on, or a setting is unknown.
    """

    buckets: tuple[Bucket, ...]
    mode: str = CycleSettings.cycle
    pairing: str = CycleSettings.pairing
    weighting: str = CycleSettings.weighting
    neutral: str = CycleSettings.neutral
    batch_size: int = CycleSettings.batch_size
    seed: int = CycleSettings.seed
    one_sided: bool = CycleSettings.one_sided
    loss_weighting: str = CycleSettings.loss_weighting

    @classmethod
    def of(cls, buckets: Sequence[Bucket], settings: CycleSettings) -> Cycle:
        """The cycle that these settings ask for."""
        given = {name: getattr(settings, name) for name in settings_of(CycleSettings)}
        return cls(tuple(buckets), given.pop("cycle"), **given)

    def __post_init__(self) -> None:
        names = ((name, "mode" if name == "cycle" else name) for name in settings_of(CycleSettings))
        if found := faults(CycleSettings, {name: getattr(self, attribute) for name, attribute in names}):
            raise CycleError("\n".join(found))
        for bucket in self.buckets:
            _check(bucket)
        if sum(len(bucket.examples) * bucket.repeats for bucket in self.buckets) > MOST:
            raise CycleError(f"The buckets have more than {MOST:,} draws an epoch. Lower the repeats.")
        missing = [SIGN_NAMES[sign] for sign in (+1, -1) if not self.size(sign)]
        if len(missing) == 2:
            raise CycleError(
                "No bucket has a strength, so there is nothing to make a slider from. Give the bucket with more of "
                "the concept slider_strength 0.5 and the one with less −0.5."
            )
        if missing and not self.one_sided:
            raise CycleError(
                f"There is no {missing[0]} bucket, so the slider would learn one direction only. Add one (slider_"
                f"strength {'0.5' if missing[0] == 'positive' else '−0.5'}), or turn on one_sided."
            )
        self.pairs  # noqa: B018 - raises where the pairing asked for is impossible

    @property
    def pairs(self) -> dict[ExampleIndex, ExampleIndex]:
        """Negative partner of each positive example that has one, as (bucket, example) indices."""
        return pair_up(self.buckets, self.pairing)

    def size(self, sign: int) -> int:
        """Draws that the buckets of this sign give in one epoch."""
        if sign == 0 and self.neutral == "off":
            return 0
        live = (b for b in self.buckets if b.sign == sign and b.probability > 0)
        return sum(len(bucket.examples) * bucket.repeats for bucket in live)

    def weight(self, sign: int) -> float:
        """Of the loss of a draw of this sign."""
        positive, negative = self.size(+1), self.size(-1)
        if self.weighting == "uniform" or sign == 0 or not (positive and negative):
            return 1.0
        return (positive + negative) / (2.0 * (positive if sign > 0 else negative))

    @property
    def strongest(self) -> float:
        """The largest strength of any bucket, regardless of sign."""
        return max(abs(bucket.strength_of(e)) for bucket in self.buckets for e in bucket.examples)

    def turns(self) -> Iterator[Turn]:
        """The draws of every optimiser step, without end."""
        chance, captions = random.Random(self.seed), random.Random(f"captions {self.seed}")
        anchor_sign = 1
        while True:
            epoch = _Epoch(self, chance, captions)
            while epoch.left():
                for signs in [SIGNS] if self.mode == "together" else [(sign,) for sign in SIGNS]:
                    turn = epoch.turn(signs, anchor_sign)
                    if turn:
                        yield turn
                    if any(draw.sign == 0 for draw in turn):
                        anchor_sign = -anchor_sign


def _check(bucket: Bucket) -> None:
    name = f"Bucket {quoted(bucket.name)}"
    if not bucket.examples:
        raise CycleError(f"{name} is empty; remove it or give it pictures.")
    if not 0 <= bucket.probability < math.inf or bucket.repeats < 1:
        raise CycleError(
            f"{name} needs a probability of 0 or more and at least 1 repeat; it has {bucket.probability:g} and "
            f"{quoted(bucket.repeats)}."
        )
    for strength in (bucket.strength or 0.0, *map(bucket.strength_of, bucket.examples)):
        if not abs(strength) <= STRONGEST:
            raise CycleError(
                f"{name} has strength {strength:g}; give one from −{STRONGEST:g} to {STRONGEST:g}."
            )
        if (strength > 0) - (strength < 0) != bucket.sign:
            raise CycleError(
                f"{name} is {SIGN_NAMES[bucket.sign]} and has a picture of strength {strength:+g}. Put pictures of "
                f"another sign into a bucket of their own."
            )


class _Epoch:
    """What is still to be drawn before every bucket is exhausted."""

    def __init__(self, cycle: Cycle, chance: random.Random, captions: random.Random):
        self.cycle, self.chance, self.captions, self.pairs = cycle, chance, captions, cycle.pairs
        self.decks = [self._deck(bucket) for bucket in cycle.buckets]

    def _deck(self, bucket: Bucket) -> list[int]:
        """Example indices in the order of drawing, from the end: each repeat a new shuffle."""
        used = bucket.probability > 0 and not (bucket.sign == 0 and self.cycle.neutral == "off")
        rounds = [list(range(len(bucket.examples))) for _ in range(bucket.repeats if used else 0)]
        for order in rounds:
            self.chance.shuffle(order)
        return [index for order in rounds for index in order]

    def left(self) -> bool:
        return any(self.decks)

    def turn(self, signs: tuple[int, ...], anchor_sign: int) -> Turn:
        draws: list[Draw] = []
        for pair in range(self.cycle.batch_size):
            partner: ExampleIndex | None = None
            lot = self.captions.random()  # the pictures of a pair draw the same of their captions
            for sign in signs:
                place = self._take(partner) if sign < 0 else None
                matched = place is not None
                place = place or self._draw(sign)
                if place is None:
                    continue
                partner = self.pairs.get(place) if sign > 0 else partner
                draw = self._made(place, sign, pair, matched, anchor_sign)
                draws.append(replace(draw, example=draw.example.with_caption(lot)))
        return tuple(draws)

    def _made(self, place: ExampleIndex, sign: int, pair: int, matched: bool, anchor_sign: int) -> Draw:
        bucket = self.cycle.buckets[place[0]]
        strength = bucket.strength_of(bucket.examples[place[1]])
        if sign == 0:
            strength = 1.0 if self.cycle.neutral == "plain" else anchor_sign * self.cycle.strongest
        # A neutral picture has noise and timestep of its own.
        number = pair if sign else -1 - pair
        return Draw(bucket, bucket.examples[place[1]], strength, self.cycle.weight(sign), number, matched)

    def _draw(self, sign: int) -> ExampleIndex | None:
        """An example of a bucket of this sign, or None if all are exhausted."""
        live = [i for i, b in enumerate(self.cycle.buckets) if b.sign == sign and self.decks[i]]
        if not live:
            return None
        (chosen,) = self.chance.choices(live, [self.cycle.buckets[i].probability for i in live])
        return chosen, self.decks[chosen].pop()

    def _take(self, place: ExampleIndex | None) -> ExampleIndex | None:
        """This very example, if it is still to be drawn."""
        if place is None or place[1] not in self.decks[place[0]]:
            return None
        deck = self.decks[place[0]]
        # The one to be drawn next lies last.
        del deck[len(deck) - 1 - deck[::-1].index(place[1])]
        return place
