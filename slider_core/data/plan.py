"""The cycle in words: what will be drawn, in which order, and what about it the user should know."""

from __future__ import annotations

from itertools import islice

from ..given import counted, quoted
from .cycle import SIGN_NAMES, SIGNS, Cycle, Draw, Turn
from .overlap import same_on_both_sides
from .pair_check import PairCheck, check_pairs


def describe_cycle(cycle: Cycle, turns: int = 8) -> str:
    """Sizes of the sides, warnings, and the first turns of the cycle."""
    lines = [
        f"{SIGN_NAMES[sign]}: {_side(cycle, sign)}"
        for sign in SIGNS
        if any(bucket.sign == sign for bucket in cycle.buckets)
    ]
    check = check_pairs(cycle)
    lines += [f"pairs: {_pairs(cycle, check)}", *(f"Note: {note}" for note in _notes(cycle, check)), ""]
    lines += [f"turn {number}: {_turn(turn)}" for number, turn in enumerate(islice(cycle.turns(), turns), 1)]
    return "\n".join([*lines, "…"])


def notes_on_cycle(cycle: Cycle) -> list[str]:
    """What the user should know before training, in sentences: its warnings, and pairs that look wrong."""
    return _notes(cycle, check_pairs(cycle))


def _notes(cycle: Cycle, check: PairCheck) -> list[str]:
    return [*warnings(cycle), *check.lines(), *_on_weighting(cycle)]


def warnings(cycle: Cycle) -> list[str]:
    """What is unequal, missing, unused or not alike, in sentences."""
    found = []
    positive, negative = cycle.size(+1), cycle.size(-1)
    if not positive or not negative:
        side = SIGN_NAMES[+1 if positive else -1]
        found.append(f"only the {side} side is trained; what the slider does on the other is extrapolation.")
    elif positive != negative:
        larger, smaller = (+1, -1) if positive > negative else (-1, +1)
        found.append(
            f"the {SIGN_NAMES[larger]} side has {abs(positive - negative)} more draws an epoch than the "
            f"{SIGN_NAMES[smaller]} side, so turns at the end of an epoch are one-sided. Even it out with pictures "
            "or repeats; weighting 'auto' evens out the loss."
        )
    for bucket in cycle.buckets:
        if bucket.probability == 0:
            found.append(f"bucket {bucket.name!r} has probability 0 and is never drawn.")
        elif bucket.sign == 0 and cycle.neutral == "plain":
            found.append(
                f"bucket {bucket.name!r} is learned at strength 1 as it is ('plain', as in SimpleTuner), which weakens "
                "the slider. Choose 'off' if you do not need SimpleTuner's behaviour."
            )
        elif bucket.sign == 0 and cycle.neutral == "anchor":
            found.append(
                f"bucket {bucket.name!r} holds the slider still ('anchor'), which takes time and made sliders a fifth "
                "weaker and no purer where it was measured. Choose 'off' to leave it out."
            )
        elif bucket.sign == 0 and cycle.neutral == "off":
            found.append(f"bucket {bucket.name!r} is neutral and neutral is 'off', so it is not used.")
    found += same_on_both_sides(cycle.buckets)
    if cycle.pairs and cycle.mode == "together":
        shapes = sum(_shape(cycle, one) != _shape(cycle, other) for one, other in cycle.pairs.items())
        if shapes:
            differ = f"{counted(shapes, 'pair')} {'differs' if shapes == 1 else 'differ'}"
            found.append(f"{differ} in size, so they cannot share their noise. Give both one size.")
    return found


def _shape(cycle: Cycle, place: tuple[int, int]) -> tuple[int, ...]:
    return tuple(cycle.buckets[place[0]].examples[place[1]].latent.shape)


def _side(cycle: Cycle, sign: int) -> str:
    names = [
        f"{b.name} ({counted(len(b.examples), 'picture')}{f' × {b.repeats}' if b.repeats > 1 else ''}"
        f"{f' at {b.strengths()}' if b.sign else ''}, probability {b.probability:g})"
        for b in cycle.buckets
        if b.sign == sign
    ]
    use = f" as {cycle.neutral}" if sign == 0 else ""
    return f"{counted(cycle.size(sign), 'draw')} an epoch{use} from {', '.join(names)}"


def _on_weighting(cycle: Cycle) -> list[str]:
    """What of the pictures cannot have the loss weighting that is asked for."""
    trained = [e for b in cycle.buckets for e in b.examples if b.sign and b.probability > 0]
    bare = sum(example.mask is None for example in trained)
    if cycle.loss_weighting == "mask" and bare:
        return [f"{bare} of {len(trained)} pictures have no mask and are learned everywhere."]
    if cycle.loss_weighting == "difference" and (cycle.mode == "alternate" or not cycle.pairs):
        return ["loss_weighting 'difference' does nothing without pairs that are drawn together."]
    return []


def _pairs(cycle: Cycle, check: PairCheck) -> str:
    number, positive = len(cycle.pairs), sum(len(b.examples) for b in cycle.buckets if b.sign > 0)
    if not number:
        return "none; pictures of the two sides are combined at random"
    if cycle.mode == "alternate":
        return f"{number} found, not used: in 'alternate' every step sees one side only"
    pairs = [
        (cycle.buckets[i].examples[j], cycle.buckets[k].examples[m]) for (i, j), (k, m) in cycle.pairs.items()
    ]
    by_name = all(one.named and other.named and one.name == other.name for one, other in pairs)
    how = "by file name" if by_name else "by order"
    if check.none:
        return f"none: {number} of {positive} positive pictures have a partner {how}, but they are no pairs"
    doubt = f", {len(check.faulty)} of them look wrong" if check.faulty else ""
    return f"{number} of {positive} positive pictures, {how}{doubt}; both pictures of a pair share noise and timestep"


def _turn(turn: Turn) -> str:
    return "  ".join(
        f"{SIGN_NAMES[draw.sign]} {draw.bucket.name}/{draw.example.name}{_caption(draw)} at {draw.strength:+g}"
        f"{f' × {draw.weight:.2f}' if draw.weight != 1 else ''}{' (its pair)' if draw.matched else ''}"
        for draw in turn
    )


def _caption(draw: Draw) -> str:
    """Which caption was drawn, where pictures have several."""
    several = any(example.variants for example in draw.bucket.examples)
    return f" ({quoted(draw.example.caption)})" if several else ""
