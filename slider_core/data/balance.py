"""Two ends of an unsorted set that differ in the concept's number and, as little as can be, in anything else.

Covariates are matched as in studies without random assignment: each picture of one end gets the most similar one of
the other, and what is left is told as standardised mean differences, of which below 0.25 counts as balanced.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .bucket import Example

Array = NDArray[np.float64]

BALANCED = 0.25  # standardised mean difference
COMMON = (0.1, 0.9)  # share of the captions that have a word, for it to count
MOST_WORDS = 50
FEWEST = 3  # pictures of an end that are kept, however unlike
FAR = 1.0  # mean difference in deviations over all covariates, above which two pictures are unlike


@dataclass(frozen=True)
class Balance:
    """The two ends as they were matched.

    Attributes:
        more, less: indices of the pictures, in the order of their matches.
        before, after: standardised mean difference of each covariate between the ends, all of them and as matched.
    """

    more: tuple[int, ...]
    less: tuple[int, ...]
    before: dict[str, float]
    after: dict[str, float]

    def lines(self) -> list[str]:
        """What the ends still differ in, in sentences."""
        worst = sorted(self.after, key=lambda name: -abs(self.after[name]))
        still = [name for name in worst if abs(self.after[name]) >= BALANCED]
        were = sum(abs(value) >= BALANCED for value in self.before.values())
        lines = [
            f"the ends were balanced on {len(self.after)} things (aspect, brightness, words of captions): {were} "
            f"differed before, {len(still)} do now."
        ]
        lines += [
            f"the end with more still has {'more' if self.after[n] > 0 else 'less'} {n} ({self.before[n]:+.2f} before, "
            f"{self.after[n]:+.2f} deviations now)."
            for n in still[:10]
        ]
        return lines


def covariates(examples: Sequence[Example]) -> dict[str, Array]:
    """What else pictures may differ in, each with mean 0 and deviation 1: aspect, brightness, words of captions."""
    shapes = [example.latent.shape for example in examples]
    found = {"width over height": np.array([math.log(shape[-1] / shape[-2]) for shape in shapes])}
    known = [example.brightness for example in examples if example.brightness is not None]
    if known:
        mean = sum(known) / len(known)
        found["brightness"] = np.array([mean if e.brightness is None else e.brightness for e in examples])
    words = [set(re.findall(r"[^\W\d_]{2,}", example.caption.lower())) for example in examples]
    counts = Counter(word for of_one in words for word in of_one)
    low, high = (share * len(examples) for share in COMMON)
    for word, count in counts.most_common():
        if low <= count <= high and len(found) < MOST_WORDS:
            found[f"“{word}”"] = np.array([float(word in of_one) for of_one in words])
    standard = {name: values - values.mean() for name, values in found.items()}
    return {name: values / values.std() for name, values in standard.items() if values.std() > 1e-9}


def balanced_ends(examples: Sequence[Example], more: Sequence[int], less: Sequence[int]) -> Balance:
    """The pictures of both ends that match; those that have no like in the other end are left out.

    Args:
        more, less: indices of the pictures of each end.
    """
    from scipy.optimize import linear_sum_assignment

    known = covariates(examples)
    table = np.stack(list(known.values()), axis=1) if known else np.zeros((len(examples), 1))
    apart = np.abs(table[list(more)][:, None] - table[list(less)][None]).mean(-1)
    rows, columns = linear_sum_assignment(apart)
    order = sorted(range(len(rows)), key=lambda i: apart[rows[i], columns[i]])
    kept = [i for n, i in enumerate(order) if n < FEWEST or apart[rows[i], columns[i]] <= FAR]
    chosen_more, chosen_less = [more[rows[i]] for i in kept], [less[columns[i]] for i in kept]
    return Balance(
        tuple(chosen_more),
        tuple(chosen_less),
        _differences(known, more, less),
        _differences(known, chosen_more, chosen_less),
    )


def _differences(known: dict[str, Array], more: Sequence[int], less: Sequence[int]) -> dict[str, float]:
    return {
        name: float(values[list(more)].mean() - values[list(less)].mean()) for name, values in known.items()
    }
