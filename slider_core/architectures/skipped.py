"""Says of every layer that is not a target why it is not."""

from __future__ import annotations

from collections.abc import Sequence

from .candidates import Candidate
from .family import TEXT, Family
from .network import Network
from .patterns import matches, summed_up

NOT_IN_RULE = "not part of the rule"
OF_PART = {
    "attention": "self-attention of the picture's stream, not in this selection",
    "inputs": "ways in and out of the picture, not in this selection",
    "outputs": "ways in and out of the picture, not in this selection",
    "time": "time embedding, not in this selection",
    "other_attention": TEXT,
    "mlp": "MLP: preset mlp has these",
}


def skipped(
    network: Network, family: Family, possible: Sequence[Candidate], chosen: Sequence[Candidate], preset: str
) -> tuple[tuple[str, str], ...]:
    """Patterns of the layers, and of the row ranges, that are not among the targets, with the reasons."""
    whole = {entry.layer for entry in chosen if entry.target.rows is None}
    taken = {entry.target for entry in chosen}
    rest = [entry for entry in possible if entry.target not in taken and entry.layer not in whole]
    in_part = {entry.layer for entry in chosen}
    by_reason: dict[str, list[str]] = {}
    for entry in rest:
        start, stop = entry.target.rows or (0, 0)
        rows = f" rows {start}:{stop}" if stop and entry.layer in in_part else ""
        by_reason.setdefault(_reason(family, entry.layer, entry.part, preset), []).append(entry.layer + rows)
    described = {entry.layer for entry in (*possible, *chosen)}
    for layer in network.layers:
        if layer not in described:
            by_reason.setdefault(_reason(family, layer, "", preset), []).append(layer)
    return tuple(
        (pattern, reason)
        for reason, names in by_reason.items()
        for pattern, _ in summed_up(dict.fromkeys(names))
    )


def is_text(family: Family, entry: Candidate) -> bool:
    """Whether a layer carries only text."""
    return _by_pattern(family, entry.layer) == TEXT


def is_skipped(family: Family, layer: str) -> bool:
    """Whether the family's file says why a layer is left out."""
    return _by_pattern(family, layer) is not None


def _reason(family: Family, layer: str, part: str, preset: str) -> str:
    if part in ("inputs", "outputs", "time") and preset == "slider" and family.attention_only:
        return family.attention_only
    found = _by_pattern(family, layer) if part in ("", "other_attention") else None
    return found or OF_PART.get(part, NOT_IN_RULE)


def _by_pattern(family: Family, layer: str) -> str | None:
    return next((reason for pattern, reason in family.skipped if matches(pattern, layer)), None)
