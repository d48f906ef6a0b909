"""The report of a selection, as it is read on the node."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..given import counted
from ..layers import shape_of
from .network import network_of
from .patterns import summed_up
from .selection import Selection
from .target import Target

ROLES = ("attention", "other", "projection", "time", "mlp", "custom")
ROLE_NAMES = {
    "other": "text and cross-attention",
    "projection": "in and out of the picture",
    "time": "time embedding",
    "mlp": "MLP",
}


def report(selection: Selection, model: Any, rank: int) -> str:
    """What is trained, how many parameters a LoRA of `rank` has there, what is left out and why, and caveats.

    Args:
        model: the model that the targets were selected on.
    """
    network = network_of(model)
    trained = lora_parameters(selection.targets, model, rank)
    layers = len({target.key for target in selection.targets})
    total = sum(shape_of(layer, None).parameters for layer in network.layers.values())
    lines = [
        f"{selection.family}, preset {selection.preset}",
        f"{counted(len(selection.targets), 'target')} on {layers} of {counted(len(network.layers), 'layer')}",
        f"{trained:,} trainable parameters as LoRA of rank {rank}: {trained / total:.2%} of the model",
    ]
    for role in ROLES:
        targets = [target for target in selection.targets if target.role == role]
        lines += _section(ROLE_NAMES.get(role, role), _grouped(targets, network.prefix))
    lines += _section("left out", _skipped(selection.skipped))
    lines += _section("notes", [f"- {warning}" for warning in selection.warnings])
    return "\n".join(lines)


def lora_parameters(targets: Iterable[Target], model: Any, rank: int) -> int:
    """Trainable parameters of LoRAs of `rank` on the targets; a convolution's kernel is in the first matrix."""
    network, count = network_of(model), 0
    for target in targets:
        shape = shape_of(network.layers[target.layer.removeprefix(f"{network.prefix}.")], target.rows)
        count += rank * (shape.rows + shape.patch)
    return count


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", f"{title}:", *(f"  {line}" for line in lines)] if lines else []


def _grouped(targets: Iterable[Target], prefix: str) -> list[str]:
    by_rows: dict[tuple[tuple[int, int], ...], list[str]] = {}
    ranges: dict[str, list[tuple[int, int]]] = {}
    for target in targets:
        ranges.setdefault(target.layer.removeprefix(f"{prefix}."), []).extend(filter(None, [target.rows]))
    for layer, of_layer in ranges.items():
        by_rows.setdefault(tuple(of_layer), []).append(layer)
    return [
        f"{pattern}{_ranges(rows)} × {count}"
        for rows, names in by_rows.items()
        for pattern, count in summed_up(names)
    ]


def _ranges(rows: Iterable[tuple[int, int]]) -> str:
    text = ", ".join(f"{start}:{stop}" for start, stop in rows)
    return f" [rows {text}]" if text else ""


def _skipped(pairs: Iterable[tuple[str, str]]) -> list[str]:
    by_reason: dict[str, list[str]] = {}
    for pattern, reason in pairs:
        by_reason.setdefault(reason, []).append(pattern)
    return [
        line for reason, patterns in by_reason.items() for line in (f"{reason}:", *(f"  {p}" for p in patterns))
    ]
