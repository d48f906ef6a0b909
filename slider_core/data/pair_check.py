"""Whether the pairs of a cycle are pairs: those that are none, stand elsewhere, or differ otherwise than the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from torch import Tensor

from .bucket import MIRRORED, Bucket, Example
from .cycle import Cycle
from .pair_measures import agreement, apart, flat_picture, motion, outside, rms
from .pairing import ExampleIndex

NO_PAIRS = 0.7  # partners that differ by this share of what any two pictures differ by are no pairs
NOTHING = 0.1  # of the median size of a difference
FAR_MORE = 2.5  # times the median size
ELSEWHERE = 0.05  # share of a difference outside of where the others change
OTHERWISE = 0.4  # of the median agreement
MOVED = 0.01  # share of a difference that a small move explains, of a picture that stands elsewhere
FEWEST = 3  # pairs that can be compared with each other
MOST_SAID = 10  # of them one by one
MOST = 2000  # pairs that are looked at


@dataclass(frozen=True)
class Pair:
    """A positive and a negative picture that are trained as one.

    Attributes:
        size: root mean square of the difference of their latents.
        apart: difference of their strengths, with which the size should grow.
        agreement: cosine of that difference with what the others have in common; 1 with fewer than three pairs.
        outside: share of it where the others do not change.
        fault: what is wrong with it, in a sentence; empty for nothing.
    """

    place: ExampleIndex
    partner: ExampleIndex
    bucket: Bucket
    example: Example
    other_bucket: Bucket
    other: Example
    size: float
    apart: float = 1.0
    agreement: float = 1.0
    outside: float = 0.0
    fault: str = ""

    @property
    def suspicion(self) -> float:
        """From about 0, for a pair like the others, to above 1."""
        return (1 - self.agreement) + self.outside

    @property
    def name(self) -> str:
        """Both files."""
        return f"{self.bucket.name}/{self.example.name} and {self.other_bucket.name}/{self.other.name}"


@dataclass(frozen=True)
class PairCheck:
    """The pairs of a cycle, as measured.

    Attributes:
        ratio: the median difference within pairs over that between any two pictures of a side: about 0.2 for real
            pairs, about 1 for none.
    """

    pairs: tuple[Pair, ...]
    ratio: float

    @property
    def none(self) -> bool:
        """Whether the partners are no pairs at all."""
        return bool(self.pairs) and self.ratio >= NO_PAIRS

    @property
    def faulty(self) -> list[Pair]:
        return [pair for pair in self.pairs if pair.fault]

    def worst_first(self) -> list[Pair]:
        return sorted(self.pairs, key=lambda pair: (not pair.fault, -pair.suspicion))

    def lines(self) -> list[str]:
        """What a user should know, in sentences."""
        if self.none:
            return [
                f"the pictures of the two sides are no pairs: partners differ {self.ratio:.2f} times as much as any "
                f"two pictures of a side, and pairs about 0.2 times. Whatever differs by accident is learned too: give "
                f"the same pictures with more and with less of the concept, or many of each side."
            ]
        faulty = self.faulty
        lines = [f"pair {pair.name}: {pair.fault}" for pair in faulty[:MOST_SAID]]
        more = len(faulty) - MOST_SAID
        return [*lines, f"… and {more} pairs more; Check Slider Pairs shows them."] if more > 0 else lines


def check_pairs(cycle: Cycle) -> PairCheck:
    """Measures the pairs of a cycle on their latents; not those of different sizes, of no picture, or of words."""
    pairs = [_pair(cycle, place, partner) for place, partner in list(cycle.pairs.items())[:MOST]]
    known = [pair for pair in pairs if pair]
    if not known:
        return PairCheck((), 0.0)
    pictures = [flat_picture(pair.example.latent) for pair in known]
    others = [flat_picture(pair.other.latent) for pair in known]
    unlike = max(apart(_not_mirrored(known, side)) for side in (pictures, others))
    ratio = median(pair.size for pair in known) / unlike if unlike > 0 else 0.0
    if ratio >= NO_PAIRS:
        return PairCheck(tuple(known), ratio)
    return PairCheck(tuple(_compared(known, pictures, others, unlike)), ratio)


def _not_mirrored(pairs: Sequence[Pair], pictures: Sequence[Tensor]) -> list[Tensor]:
    """A picture and itself mirrored are no two pictures."""
    both = list(zip(pairs, pictures, strict=True))
    kept = [picture for pair, picture in both if not pair.example.name.endswith(MIRRORED)]
    return kept or list(pictures)


def _pair(cycle: Cycle, place: ExampleIndex, partner: ExampleIndex) -> Pair | None:
    bucket, other_bucket = cycle.buckets[place[0]], cycle.buckets[partner[0]]
    example, other = bucket.examples[place[1]], other_bucket.examples[partner[1]]
    both = (example.latent, other.latent)
    if example.words is not None or other.words is not None:
        return None
    if not all(isinstance(latent, Tensor) for latent in both) or both[0].shape != both[1].shape:
        return None
    size = rms(flat_picture(both[0]) - flat_picture(both[1]))
    apart = abs(bucket.strength_of(example) - other_bucket.strength_of(other))
    return Pair(place, partner, bucket, example, other_bucket, other, size, apart)


def _compared(
    pairs: Sequence[Pair], pictures: Sequence[Tensor], others: Sequence[Tensor], unlike: float
) -> list[Pair]:
    differences = [one - other for one, other in zip(pictures, others, strict=True)]
    many = len(pairs) >= FEWEST
    agreeing = agreement(differences).tolist() if many else [1.0] * len(pairs)
    elsewhere = outside(differences).tolist() if many else [0.0] * len(pairs)
    usual, typical = median(pair.size / pair.apart for pair in pairs), median(agreeing)
    found = []
    for index, pair in enumerate(pairs):
        measured = replace(pair, agreement=agreeing[index], outside=elsewhere[index])
        odd = measured.agreement < OTHERWISE * typical or measured.outside > ELSEWHERE
        moved = motion(pictures[index], others[index]) if odd else 0.0
        found.append(replace(measured, fault=_fault(measured, usual, unlike, odd, moved)))
    return found


def _fault(pair: Pair, usual: float, unlike: float, odd: bool, moved: float) -> str:
    size = pair.size / pair.apart
    if size <= NOTHING * usual or pair.size <= 1e-3 * unlike:
        return "the two pictures are the same, so nothing can be learned from them."
    if odd and moved >= MOVED:
        other = ", or another picture" if pair.size >= NO_PAIRS * unlike else ""
        return f"misaligned{other}: one is moved or scaled against the other. Cut both alike."
    if odd and pair.outside > ELSEWHERE:
        return (
            f"something else changes than in the other pairs: {pair.outside:.0%} of its difference lies where they do "
            f"not change."
        )
    if odd:
        return (
            f"something else changes than in the other pairs: its difference has a cosine of {pair.agreement:.2f} to "
            f"theirs."
        )
    if size > FAR_MORE * usual:
        return f"far more changes than in the other pairs: {size / usual:.1f} times as much."
    return ""
