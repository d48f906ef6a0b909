"""Which part of which layer a slider's tensors belong to, kept in its metadata so that the file alone says it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..adapters import Adapter

LAYOUT = "concept_sliders.layout"
LONGEST = 4_000_000  # characters that a layout of any real model stays far below


@dataclass(frozen=True)
class Part:
    """One adapter's place: a layer, its rows or None for all, its rank, and the layer's name in diffusers."""

    layer: str
    rows: tuple[int, int] | None
    rank: int
    name: str | None


def layout_of(adapters: Mapping[str, Sequence[Adapter]]) -> str:
    """The layout as JSON: layer name to a list of [start, stop, rank, diffusers name]."""
    return json.dumps(
        {
            layer: [[*(a.rows or (None, None)), a.rank, a.target.name] for a in of_layer]
            for layer, of_layer in adapters.items()
        },
        separators=(",", ":"),
    )


def read_layout(metadata: Mapping[str, str]) -> list[Part]:
    """The parts that metadata names; none where it has no layout, or one that cannot be trusted."""
    text = metadata.get(LAYOUT, "")
    if not text or len(text) > LONGEST:
        return []
    try:
        return [_part(layer, *entry) for layer, entries in json.loads(text).items() for entry in entries]
    except (ValueError, TypeError, AttributeError):
        return []


def _part(layer: str, start: int | None, stop: int | None, rank: int, name: str | None) -> Part:
    rows = None if start is None or stop is None else (int(start), int(stop))
    return Part(str(layer), rows, int(rank), None if name is None else str(name))
