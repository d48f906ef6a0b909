"""Changes of norms that ComfyUI fuses with the rotary embedding: it reads their weight and never calls the layer.

So for the queries and keys of some models. The fused operation
runs once for each strength, on the rows that have it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import comfy_kitchen
import torch
from comfy import ops
from torch import Tensor, nn

from ..lora.changes import ParameterDelta
from ..replaced import replaced
from ..strength import Delta, scale_for

FUSED = "rms_rope"

# What a fused operation calls an input and the weight of its norm.
INPUTS = {"q": "q_scale", "k": "k_scale", "x": "scale"}

# For each norm, the changes of its weight and the strength of each row for them.
NormChanges = dict[nn.Module, list[tuple[ParameterDelta, Tensor]]]


@contextmanager
def fused_norms(
    model: nn.Module, attached: Sequence[tuple[Mapping[str, Sequence[Delta]], Tensor]]
) -> Iterator[None]:
    """While open, fused norms are changed for each row as `attached` (layers' deltas, strength of each row) says."""
    changes = _norm_changes(model, attached)
    if not changes:
        yield
        return
    read: dict[int, tuple[Tensor, nn.Module]] = {}
    cast = ops.cast_bias_weight

    def cast_and_note(layer: Any, *args: Any, **kwargs: Any) -> Any:
        made = cast(layer, *args, **kwargs)
        if layer in changes:
            read[id(made[0])] = (made[0], layer)
        return made

    def changed(weight: Tensor | None, rows: Tensor) -> list[Tensor | None] | None:
        known = None if weight is None else read.get(id(weight))
        return None if known is None else _by_row(known[0], changes[known[1]], rows)

    with ExitStack() as stack:
        stack.enter_context(replaced(ops, "cast_bias_weight", cast_and_note))
        for name in comfy_kitchen.__all__:
            if name.startswith(FUSED):
                fused = _row_by_row(getattr(comfy_kitchen, name), changed)
                stack.enter_context(replaced(comfy_kitchen, name, fused))
        yield


def _norm_changes(
    model: nn.Module, attached: Sequence[tuple[Mapping[str, Sequence[Delta]], Tensor]]
) -> NormChanges:
    changes: NormChanges = {}
    for deltas, strengths in attached:
        for layer, of_layer in deltas.items():
            for delta in of_layer:
                if isinstance(delta, ParameterDelta) and delta.name == "weight":
                    changes.setdefault(model.get_submodule(layer), []).append((delta, strengths))
    return changes


def _by_row(
    weight: Tensor, changes: Sequence[tuple[ParameterDelta, Tensor]], rows: Tensor
) -> list[Tensor | None]:
    """The weight of each row of the input; None where it is the norm's own."""
    made: list[Tensor | None] = [None] * rows.shape[0]
    for delta, strengths in changes:
        for row, strength in enumerate(scale_for(rows, strengths).flatten().tolist()):
            if strength:
                before = made[row]
                added = delta.change_of(weight, strength)
                made[row] = added + (weight if before is None else before)
    return made


def _row_by_row(
    fused: Callable[..., Any], changed: Callable[[Tensor | None, Tensor], list[Tensor | None] | None]
) -> Callable[..., Any]:
    signature = inspect.signature(fused)

    def run(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs).arguments
        weights = {
            scale: of_rows
            for x, scale in INPUTS.items()
            if x in given and (of_rows := changed(given.get(scale), given[x])) is not None
        }
        if not weights:
            return fused(*args, **kwargs)
        like = next(given[x] for x in INPUTS if x in given)
        parts = [
            fused(**{name: _row(name, value, row, like, weights) for name, value in given.items()})
            for row in range(len(like))
        ]
        if isinstance(parts[0], Tensor):
            return torch.cat(parts)
        return tuple(map(torch.cat, zip(*parts, strict=True)))

    return run


def _row(name: str, value: Any, row: int, like: Tensor, weights: Mapping[str, list[Tensor | None]]) -> Any:
    """An argument of a fused operation on inputs as `like`, for one of their rows."""
    has_rows = name == "freqs_cis" and value.ndim == like.ndim + 2 and len(value) == len(like)
    if name in INPUTS or has_rows:
        return value[row : row + 1]
    own = weights[name][row] if name in weights else None
    return value if own is None else own
