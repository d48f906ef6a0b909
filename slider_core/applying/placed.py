"""The sliders that are on a model: which of them are in its weights, and with which strength."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

from comfy.model_patcher import ModelPatcher

from ..strength import STRENGTH_KEY, StrengthError
from .applied import AppliedSlider
from .weight_patch import Changes, additive, changes_of, is_merged, order_matters, put_in, without_sliders

SLIDERS = "concept_sliders"
HOOKS = ("hook_patches", "hook_patches_backup", "hook_mode", "forced_hooks")

# For each slider, its strength in the weights; None: it is not in them.
Plan = tuple[float | None, ...]


@dataclass(frozen=True)
class Placed:
    """A slider on a model.

    Attributes:
        changes: of the weights; None where the slider can only be added to the layers' outputs.
        behind: for each weight, the number of others' patches that the model had when the slider was applied.
    """

    slider: AppliedSlider
    changes: Changes | None
    behind: Mapping[str, int]

    @property
    def at_rest(self) -> float | None:
        in_weights = self.changes is not None and self.slider.always
        return self.slider.constant() or None if in_weights else None

    @property
    def depends_on(self) -> set[str]:
        """Weights that it changes by what they are."""
        if self.changes is None:
            return {f"{layer}.weight" for layer in self.slider.deltas}
        return {key for key, these in self.changes.items() if not all(additive(c.patch) for c in these)}


@dataclass
class Sliders:
    """The sliders of a model, as an attachment of its patcher.

    Attributes:
        without: the `patches_uuid` of the model's patches without those of sliders …
        seen: … as long as it has this one.
        latest: the plan of the last run that needed other weights (of `latest_run`: none), and the clone that has
            them. ComfyUI knows by the
            clone what is loaded, so it lives as long as the model.
    """

    placed: tuple[Placed, ...]
    without: UUID
    seen: UUID
    latest: tuple[tuple[UUID, Plan], ModelPatcher] | None = None

    @classmethod
    def of(cls, patcher: ModelPatcher) -> Sliders:
        known = patcher.get_attachment(SLIDERS)
        return known or cls((), patcher.patches_uuid, patcher.patches_uuid)

    def on_model_patcher_clone(self) -> Sliders:
        return replace(self, latest=None)

    def __getstate__(self) -> dict[str, Any]:
        """What the model is does not change by sampling (`training.digest` looks at this)."""
        return {"placed": self.placed}

    @property
    def by_row_at_rest(self) -> list[AppliedSlider]:
        return [placed.slider for placed in self.placed if placed.at_rest is None]

    def with_one_more(self, clone: ModelPatcher, slider: AppliedSlider) -> Sliders:
        """The sliders with this one, which is put into the patches of `clone`."""
        without = self.uuid_without(clone)
        changes = changes_of(slider.deltas)
        behind = {key: len(of_weight) for key, of_weight in without_sliders(clone.patches).items()}
        placed = Placed(slider, changes, behind)
        if placed.at_rest is not None:
            put_in(clone.patches, changes or {}, placed.at_rest)
            clone.patches_uuid = uuid4()
        return Sliders((*self.placed, placed), without, clone.patches_uuid)

    def uuid_without(self, patcher: ModelPatcher) -> UUID:
        if self.seen == patcher.patches_uuid:
            return self.without
        in_weights = any(placed.at_rest is not None for placed in self.placed)
        return uuid4() if in_weights else patcher.patches_uuid

    def plan(self, entries: Sequence[Mapping[str, Any]]) -> Plan:
        """What a run with these conditionings has in the weights."""
        plan = [_strength_in_weights(placed, entries) for placed in self.placed]
        while True:  # a change by what a weight is must not meet another slider in it
            by_row = [placed for placed, strength in zip(self.placed, plan, strict=True) if strength is None]
            taken = set().union(*(placed.depends_on for placed in by_row))
            mixed = [
                strength is not None and bool(taken & (placed.changes or {}).keys())
                for placed, strength in zip(self.placed, plan, strict=True)
            ]
            if not any(mixed):
                return tuple(plan)
            plan = [None if meets else strength for strength, meets in zip(plan, mixed, strict=True)]

    def patched(self, patcher: ModelPatcher, plan: Plan) -> ModelPatcher:
        """`patcher` with these strengths in its weights: itself, or a clone that is kept."""
        changed = [(s or None) != placed.at_rest for placed, s in zip(self.placed, plan, strict=True)]
        for merged, other, strength in zip(self._merged(patcher), changed, plan, strict=True):
            if merged and (other or strength is None):
                raise StrengthError(
                    "This model was merged after a slider was applied to it, so prompts and steps cannot have "
                    "strengths of their own any more. Put Apply Slider after the merge."
                )
        as_it_is = not any(changed) and not any(map(order_matters, patcher.patches.values()))
        if as_it_is:
            return patcher
        made_for = (patcher.patches_uuid, plan)
        if self.latest is None or self.latest[0] != made_for:
            self.latest = made_for, self._clone_with(patcher, plan)
        clone = self.latest[1]
        for name in HOOKS:
            setattr(clone, name, getattr(patcher, name))
        return clone

    def _clone_with(self, patcher: ModelPatcher, plan: Plan) -> ModelPatcher:
        """ComfyUI takes patchers of one `patches_uuid` for the same weights, and the clone's parent for what is loaded
        once the clone is gone: the uuid of the model without sliders is used only if that model is the parent.
        """
        clone = patcher.clone()
        clone.patches = without_sliders(clone.patches)
        for placed, strength, merged in zip(self.placed, plan, self._merged(patcher), strict=True):
            if strength and not merged:
                put_in(clone.patches, placed.changes or {}, strength)
        bare = None if any(plan) else _ancestor(patcher, self.uuid_without(patcher))
        clone.patches_uuid = bare.patches_uuid if bare else uuid4()
        clone.parent = bare or patcher.parent  # not `patcher`, which keeps the clone
        return clone

    def _merged(self, patcher: ModelPatcher) -> list[bool]:
        """For each slider, whether a merge has scaled it."""
        others = without_sliders(patcher.patches)
        return [
            any(is_merged(others.get(key, [])[placed.behind.get(key, 0) :]) for key in placed.changes or {})
            for placed in self.placed
        ]


def _ancestor(patcher: ModelPatcher, uuid: UUID) -> ModelPatcher | None:
    """The patcher of the same model that has this `patches_uuid`, among those that `patcher` was cloned from."""
    older: ModelPatcher | None = patcher
    while older is not None and (older.patches_uuid != uuid or older.model is not patcher.model):
        older = older.parent
    return older


def _strength_in_weights(placed: Placed, entries: Iterable[Mapping[str, Any]]) -> float | None:
    slider = placed.slider
    if placed.changes is None or not slider.always:
        return None
    found = {slider.constant(entry.get(STRENGTH_KEY)) for entry in entries}
    return found.pop() if len(found) == 1 else None
