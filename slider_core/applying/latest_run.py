"""A strength that has just changed: it runs on the weights that are loaded, by rows at the difference of the two.

ComfyUI loads a patch of another strength anew, which takes seconds where the model leaves the card for it. So a run
with other strengths than the one before adds what is missing to the layers' outputs, and the strengths go into the
weights when they are asked for again. Both give the same picture to the precision of the weights' type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from comfy.model_patcher import ModelPatcher
from comfy.weight_adapter import LoRAAdapter

from ..strength import Delta
from .applied import AppliedSlider
from .placed import Placed, Plan, Sliders
from .weight_patch import additive

Deltas = Mapping[str, Sequence[Delta]]


@dataclass
class LatestRun:
    """What the last sampling run of a model had in the weights.

    Attributes:
        patches_uuid, patches: ComfyUI's, as they were loaded.
        without: `Sliders.uuid_without` of the model.
        strengths: of each slider, which is known by its deltas.
        asked: strengths that ran on these weights since.
    """

    patches_uuid: UUID
    patches: Mapping[str, Any]
    without: UUID
    strengths: list[tuple[Deltas, float]]
    asked: Plan = ()

    def differences(self, sliders: Sliders, patcher: ModelPatcher, plan: Plan) -> list[float] | None:
        """How much stronger each slider is to be than the loaded weights have it; None: they must be loaded anew."""
        if patcher.model.current_weight_patches_uuid != self.patches_uuid or plan == self.asked:
            return None
        if self.without != sliders.uuid_without(patcher) or len(plan) != len(self.strengths):
            return None
        differences = []
        for placed, wanted, (deltas, there) in zip(sliders.placed, plan, self.strengths, strict=True):
            same = placed.slider.deltas is deltas and wanted is not None
            if not same or (wanted != there and not (wanted and _is_lora(placed))):
                return None  # strength 0 is the base model to the last bit
            differences.append((wanted or 0.0) - there)
        return differences

    def patched(self, patcher: ModelPatcher) -> ModelPatcher:
        """A clone that ComfyUI takes for what is loaded."""
        clone = patcher.clone()
        clone.patches, clone.patches_uuid = dict(self.patches), self.patches_uuid
        clone.parent = patcher.parent  # not `patcher`, which keeps the clone
        return clone


_runs: WeakKeyDictionary[Any, LatestRun] = WeakKeyDictionary()


def on_loaded_weights(
    sliders: Sliders, patcher: ModelPatcher, plan: Plan
) -> tuple[ModelPatcher, list[tuple[AppliedSlider, float]]] | None:
    """The model with the weights that are loaded, and the sliders that differ with what each lacks.

    None where the run needs other weights.
    """
    run = _runs.get(patcher.model)
    simple = not patcher.hook_patches and not patcher.get_additional_models_with_key("multigpu")
    differences = run.differences(sliders, patcher, plan) if run and simple else None
    if run is None or differences is None:
        return None
    run.asked = plan if any(differences) else ()
    sliders.latest = (run.patches_uuid, ()), run.patched(patcher)
    lacking = [(p.slider, lack) for p, lack in zip(sliders.placed, differences, strict=True) if lack]
    return sliders.latest[1], lacking


def remember(sliders: Sliders, patcher: ModelPatcher, plan: Plan, loaded: ModelPatcher) -> None:
    """Notes what a run has in the weights; `loaded` is the patcher that it ran with."""
    strengths = [(p.slider.deltas, strength or 0.0) for p, strength in zip(sliders.placed, plan, strict=True)]
    without = sliders.uuid_without(patcher)
    _runs[patcher.model] = LatestRun(loaded.patches_uuid, loaded.patches, without, strengths)


def _is_lora(placed: Placed) -> bool:
    """Whether the slider adds products of thin matrices alone, which cost little by rows."""
    changes = [change for of_weight in (placed.changes or {}).values() for change in of_weight]
    return all(isinstance(change.patch, LoRAAdapter) and additive(change.patch) for change in changes)
