"""Pictures that are on both sides of a slider, which can teach it nothing."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..given import counted, quoted
from .bucket import Bucket, Example

PROBES = 32


def same_on_both_sides(buckets: Sequence[Bucket]) -> list[str]:
    """A sentence for each positive and negative bucket that share pictures; with words, both sides have the same."""
    found = []
    for more in (bucket for bucket in buckets if bucket.sign > 0):
        known: dict[tuple[float, ...], list[Example]] = {}
        for example in more.examples:
            known.setdefault(_probe(example), []).append(example)
        for less in (bucket for bucket in buckets if bucket.sign < 0):
            same = [
                e
                for e in less.examples
                if e.words is None and any(_equal(e, o) for o in known.get(_probe(e), []))
            ]
            if same:
                found.append(_sentence(more, less, same))
    return found


def _sentence(more: Bucket, less: Bucket, same: list[Example]) -> str:
    names = f"buckets {quoted(more.name)} and {quoted(less.name)}"
    if len(same) == len(less.examples):
        return f"{names} hold the same pictures, so there is nothing to learn. Was one folder chosen for both?"
    shown = ", ".join(example.name for example in same[:5]) + (", …" if len(same) > 5 else "")
    return (
        f"{counted(len(same), 'picture is', 'pictures are')} in both {names} ({shown}). Nothing can be learned "
        "from what is on both sides; take it out."
    )


def _probe(example: Example) -> tuple[float, ...]:
    flat = example.latent.reshape(-1)
    return (*example.latent.shape, *flat[:: max(1, len(flat) // PROBES)].tolist())


def _equal(one: Example, other: Example) -> bool:
    return one.latent.shape == other.latent.shape and torch.equal(one.latent, other.latent)
