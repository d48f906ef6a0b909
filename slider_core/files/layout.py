"""Which part of which layer a slider's tensors belong to, kept in its metadata so that the file alone says it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..adapters.base import Adapter
from ..given import parsed_json

LAYOUT = "concept_sliders.layout"
FORMAT = "concept_sliders.key_format"
LONGEST = 4_000_000  # characters; the layout of any real model stays far below
MOST_ROWS = 1_000_000  # of a layer, likewise


@dataclass(frozen=True)
class Place:
    """Where an adapter is: a layer of `layer_rows` rows, its part of them or None for all.

    Attributes:
        name: the layer's name in diffusers, where it has one; parts of a fused weight have one each.
        rank, alpha: as trained; 0 where that is not known, or the kind has none.
        kernel: of a convolution; empty for a linear layer, and where it is not known.
        columns: of the flattened weight; 0 where that is not known.
        swapped: whether diffusers has the two halves of its rows (shift and scale) in the other order.
    """

    layer: str
    layer_rows: int
    rows: tuple[int, int] | None = None
    name: str | None = None
    rank: int = 0
    alpha: float = 0.0
    kernel: tuple[int, ...] = ()
    columns: int = 0
    swapped: bool = False


def layout_of(adapters: Mapping[str, Sequence[Adapter]]) -> str:
    """The places of adapters as JSON: layer name to its rows and lists of [start, stop, rank, alpha, name, *kernel]."""
    entries = {
        layer: [of_layer[0].shape.layer_rows, *(_entry(adapter) for adapter in of_layer)]
        for layer, of_layer in adapters.items()
    }
    return json.dumps(entries, separators=(",", ":"))


def _entry(adapter: Adapter) -> list[Any]:
    start, stop = adapter.rows or (None, None)
    return [start, stop, adapter.rank, adapter.alpha, adapter.target.name, *adapter.shape.kernel]


def read_layout(metadata: Mapping[str, str]) -> list[Place]:
    """The places that metadata names; none where it has no layout, or one that cannot be trusted."""
    text = metadata.get(LAYOUT, "")
    if not text or len(text) > LONGEST:
        return []
    try:
        return [
            _place(layer, rows, *entry)
            for layer, (rows, *of_layer) in parsed_json(text, LAYOUT).items()
            for entry in of_layer
        ]
    except (ValueError, TypeError, AttributeError, OverflowError):
        return []


def _place(
    layer: str, layer_rows: int, start: Any, stop: Any, rank: int, alpha: float, name: Any, *kernel: int
) -> Place:
    rows = None if start is None else (int(start), int(stop))
    if int(layer_rows) > MOST_ROWS or (rows and not 0 <= rows[0] < rows[1] <= int(layer_rows)):
        raise ValueError("rows outside of the layer")
    if not 0 <= int(rank) <= MOST_ROWS or not math.isfinite(alpha):
        raise ValueError("no rank or alpha")
    sizes = tuple(int(size) for size in kernel)
    return Place(str(layer), int(layer_rows), rows, name and str(name), int(rank), float(alpha), sizes)
