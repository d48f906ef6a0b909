"""The candidates for targets: every layer that a family's file describes, with its part, rows and names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from .family import Family, Layers, Rows
from .network import Network
from .patterns import alternatives, compiled, filled
from .target import Target

PARTS = ("attention", "inputs", "outputs", "time", "other_attention", "mlp")
PICTURE = PARTS[:4]
ROLES = {"inputs": "projection", "outputs": "projection", "other_attention": "other"}
QKVO = ("to_q", "to_k", "to_v", "to_out")


@dataclass(frozen=True)
class Candidate:
    """A target that the model could have.

    Attributes:
        layer: its layer's name, relative to the network.
        part: the field of the family's file that describes it; `custom` if none does.
        word: what it is within the part, whatever the model calls it: `to_q`, `in`, `linear_1`, …
        batch_dim: the dimension of the layer's input that counts the rows of the batch.
        swapped: whether diffusers has the two halves of the rows in the other order.
    """

    target: Target
    layer: str
    part: str = "custom"
    word: str = ""
    batch_dim: int = 0
    swapped: bool = False


def candidates(network: Network, family: Family) -> list[Candidate]:
    """All that the family's file describes of this model, in the order of its layers."""
    names = family.names(network.module) if family.names else {}
    order = {layer: index for index, layer in enumerate(network.layers)}
    found = [
        entry
        if entry.target.name
        else replace(entry, target=replace(entry.target, name=names.get(entry.layer)))
        for part in PARTS
        for layers in getattr(family, part)
        for entry in _described(network, part, layers)
    ]
    return sorted(found, key=lambda entry: (order[entry.layer], entry.target.rows or (0, 0)))


def elsewhere(network: Network, family: Family) -> list[Candidate]:
    """The layers that are no targets, and whose diffusers names the family's file states all the same."""
    return [entry for layers in family.elsewhere for entry in _described(network, "elsewhere", layers)]


def whole(network: Network, layer: str) -> Candidate:
    """A whole layer, by its native name, whether the family's file describes it or not."""
    return Candidate(Target(f"{network.prefix}.{layer}.weight", role="custom"), layer)


def _described(network: Network, part: str, layers: Layers) -> Iterator[Candidate]:
    natives, foreign = alternatives(layers.native), alternatives(layers.diffusers)
    for index, native in enumerate(natives):
        for layer, stars in _matching(network, native):
            if layers.only and not layers.only(network.module, layer):
                continue
            rows = layers.rows(network.layers[layer], network.parent(layer)) if layers.rows else (None,)
            for offset, part_rows in enumerate(rows):
                name = filled(foreign[index + offset], stars) if layers.diffusers else None
                word = _word(part, index + offset, len(natives), len(rows) if layers.rows else 0)
                target = _target(network, layer, part_rows, name, part)
                yield Candidate(target, layer, part, word, layers.batch_dim, layers.swapped)


def _matching(network: Network, pattern: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Layers that a pattern without braces describes, with what its `*` stand for."""
    if "*" not in pattern:
        return iter([(pattern, ())] if pattern in network.layers else [])
    found = ((layer, compiled(pattern).fullmatch(layer)) for layer in network.layers)
    return ((layer, match.groups()) for layer, match in found if match)


def _target(network: Network, layer: str, rows: Rows | None, name: str | None, part: str) -> Target:
    return Target(f"{network.prefix}.{layer}.weight", rows, name, ROLES.get(part, part))


def _word(part: str, index: int, natives: int, ranges: int) -> str:
    if part == "inputs":
        return "in"
    if part == "outputs":
        return "out"
    if part == "time":
        return f"linear_{min(index, 1) + 1}"
    if part == "mlp":
        return "mlp"
    if ranges == 1:
        return "to_qkv"
    return QKVO[min(index, 3)] if natives > 1 or ranges else "to_out"
