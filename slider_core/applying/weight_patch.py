"""Sliders in the weights: patches that ComfyUI loads, merges and saves as it does those of its own LoRA loader."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from comfy.lora import calculate_weight
from comfy.weight_adapter import (
    BOFTAdapter,
    LoHaAdapter,
    LoKrAdapter,
    LoRAAdapter,
    OFTAdapter,
    WeightAdapterBase,
)
from torch import Tensor

from ..lora.changes import LayerDelta, WeightChange, change_in
from ..strength import Delta

# Where a kind that adds the same to every weight has its `dora_scale`, with which it does not.
MAGNITUDES = {LoRAAdapter: 4, LoHaAdapter: 7, LoKrAdapter: 8}
ROTATIONS = (OFTAdapter, BOFTAdapter)

# One change as ComfyUI keeps it: strength, what the file has, strength of the weight, rows, their order.
Patch = tuple[float, Any, float, Any, Any]
Changes = dict[str, list[WeightChange]]


def changes_of(deltas: Mapping[str, Sequence[Delta]]) -> Changes | None:
    """The changes that make these deltas, by weight key.

    None if one of them does not come from a file's tensors, or is of a weight that ComfyUI cannot patch.
    """
    changes: Changes = {}
    for layer, of_layer in deltas.items():
        for delta in of_layer:
            change = change_in(delta)
            if change is None or not _patchable(change):
                return None
            changes.setdefault(f"{layer}.{change.place.parameter}", []).append(change)
    return changes


def _patchable(change: WeightChange) -> bool:
    """Packs may keep a weight in a form of their own, which lies about its shape or holds whole numbers."""
    weight = getattr(change.place.module, change.place.parameter)
    if isinstance(change, LayerDelta):
        shape = change.place.shape
        if tuple(weight.shape) != (shape.layer_rows, *shape.full[1:]):
            return False
    return weight.dtype.is_floating_point or hasattr(weight, "tensor_type")  # GGUF's patcher knows its tensors


def additive(patch: Any) -> bool:
    """Whether a change adds the same whatever the weight is, so that the order of several does not matter."""
    if isinstance(patch, list):  # the weight of another model
        return True
    if isinstance(patch, tuple):
        return len(patch) == 1 or patch[0] == "diff"
    return type(patch) in MAGNITUDES and patch.weights[MAGNITUDES[type(patch)]] is None


class SliderPatch(WeightAdapterBase):
    """All that sliders change of one weight, each relative to the weight as it is without any of them.

    ComfyUI's own patches see the weight that the one before has made, so that a LoRA and a DoRA differ by order.

    Args:
        weights: patches as in `ModelPatcher.patches`.
    """

    name = "slider"

    def __init__(self, loaded_keys: set[str], weights: Sequence[Patch]):
        self.loaded_keys = loaded_keys
        self.weights = tuple(weights)  # type: ignore[assignment]

    @property
    def additive(self) -> bool:
        return all(additive(patch) for _, patch, *_ in self.weights)

    def calculate_weight(
        self,
        weight: Tensor,
        key: str,
        strength: float,
        strength_model: float,
        offset: Any,
        function: Callable[[Tensor], Tensor],
        intermediate_dtype: torch.dtype = torch.float32,
        original_weight: Any = None,
    ) -> Tensor:
        patches = [(own * strength, *rest) for own, *rest in self.weights]
        alone = len(patches) == 1 and not isinstance(patches[0][1], ROTATIONS)
        if alone or self.additive:
            return calculate_weight(patches, weight, key, intermediate_dtype)
        base = weight.clone()
        for own, patch, *rest in patches:
            changed = calculate_weight([(1.0, patch, *rest)], base.clone(), key, intermediate_dtype)
            sets = isinstance(patch, tuple) and patch[0] == "set"
            weight += (changed - base) * (1.0 if sets else own)
        return weight


def put_in(patches: dict[str, list[Patch]], changes: Changes, strength: float) -> None:
    """Adds a slider's changes to the patches of a model, beside those of sliders that are there already."""
    for key, of_weight in changes.items():
        own = [(strength, c.patch, 1.0, c.place.offset, c.place.reorder) for c in of_weight]
        others = patches.get(key, [])
        if others and isinstance(others[-1][1], SliderPatch):
            own = [*others[-1][1].weights, *own]  # type: ignore[misc]
            others = others[:-1]
        patches[key] = [*others, (1.0, SliderPatch(set(), own), 1.0, None, None)]


def without_sliders(patches: Mapping[str, list[Patch]]) -> dict[str, list[Patch]]:
    """A copy of a model's patches that has those of others alone, and of sliders that a merge has scaled since."""
    kept = {
        key: [p for i, p in enumerate(these) if not isinstance(p[1], SliderPatch) or is_merged(these[i + 1 :])]
        for key, these in patches.items()
    }
    return {key: of_weight for key, of_weight in kept.items() if of_weight}


def is_merged(behind: Sequence[Patch]) -> bool:
    """Whether one of these patches scales what stands before it."""
    return any(patch[2] != 1.0 for patch in behind)


def order_matters(of_weight: Sequence[Patch]) -> bool:
    """Whether patches that stand behind a slider's make another weight than the same before it."""
    first = next((i for i, p in enumerate(of_weight) if isinstance(p[1], SliderPatch)), len(of_weight))
    behind = of_weight[first + 1 :]
    if not behind or is_merged(behind):  # the slider stays where it is
        return False
    free = [p[1].additive if isinstance(p[1], SliderPatch) else additive(p[1]) for p in of_weight[first:]]
    return not all(free)
