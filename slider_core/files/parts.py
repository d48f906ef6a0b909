"""What a file has on a fused weight, as one for each of its parts that diffusers has as a layer of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .forms import as_difference
from .fused import DORA, is_block_diagonal, pairs_of, separated
from .layout import Place
from .places import Part, Places


def split(part: Part, places: Places, model: Any) -> Iterator[Part]:
    """A part as one for each place that its rows are divided into; as it is where diffusers has a name for it.

    Kinds that do not come apart by rows (LoKr, OFT, …) become full differences.
    """
    at = [] if part.place.name else _places_on(part, places)
    if not at:
        yield part
        return
    pairs, tensors, first = pairs_of(part.tensors), part.tensors, (part.place.rows or (0, 0))[0]
    wide = {name for name, _ in pairs} | {DORA, "diff", "diff_b"}
    rows = [(start - first, stop - first) for start, stop in (place.rows or (0, 0) for place in at)]
    if pairs:
        ranks = [(where, place.rank or 1) for where, place in zip(rows, at, strict=True)]
        if sum(rank for _, rank in ranks) == len(tensors[pairs[0][1]]) and is_block_diagonal(tensors, ranks):
            yield from map(Part, at, separated(tensors, ranks))
            return
    elif not tensors.keys() <= wide:
        tensors = as_difference(part, model)
    for place, where in zip(at, rows, strict=True):
        yield Part(
            place, {name: (t[slice(*where)] if name in wide else t).clone() for name, t in tensors.items()}
        )


def _places_on(part: Part, places: Places) -> list[Place]:
    """The named places that the rows of a part are divided into: those trained, else all, if they are all of it."""
    start, stop = part.place.rows or (0, part.place.layer_rows)
    on_layer = [one for one in places.known.values() if one.layer == part.place.layer and one.rows and one.name]
    trained = [
        one for one in on_layer if any(one.rows == t.rows and one.layer == t.layer for t in places.trained)
    ]
    within = [one for one in on_layer if one.rows and start <= one.rows[0] and one.rows[1] <= stop]
    covered = sum(one.rows[1] - one.rows[0] for one in within if one.rows)
    found = trained if trained and not _more_than(trained, part) else within if covered == stop - start else []
    return sorted(found, key=lambda one: one.rows or (0, 0))


def _more_than(at: list[Place], part: Part) -> bool:
    """Whether a part changes rows outside of these places: what was trained was merged with something since."""
    first = (part.place.rows or (0, 0))[0]
    for name in ("lora_up.weight", "hada_w1_a", "diff", "diff_b"):
        if name in part.tensors:
            rest = part.tensors[name].clone()
            for start, stop in (one.rows or (0, 0) for one in at):
                rest[start - first : stop - first] = 0
            if bool(rest.any()):
                return True
    return False
