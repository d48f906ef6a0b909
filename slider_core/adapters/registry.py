"""The kinds of adapter by name, and how adapters are made for a plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

import torch
from torch import nn

from ..architectures.comfyui_names import part_names
from ..architectures.target import Target
from ..layers import LayerError, Shape, layer_at, root_of, shape_of
from .base import DROPOUTS, Adapter, AdapterConfig, AdapterError
from .dora import DECOMPOSED
from .dylora import Dylora
from .full import Full
from .glora import Glora
from .ia3 import Ia3
from .loha import Loha
from .lokr import Lokr
from .lora import Lora
from .oft import Boft, Oft

KINDS: dict[str, type[Adapter]] = {
    "lora": Lora,
    "locon": Lora,
    "loha": Loha,
    "lokr": Lokr,
    "oft": Oft,
    "diag-oft": Oft,
    "boft": Boft,
    "glora": Glora,
    "ia3": Ia3,
    "dylora": Dylora,
    "full": Full,
}

MOST_RANK = 4096  # as wide as most layers; LoKr takes more to mean its whole matrices

Rows = tuple[int, int]
Plan = Sequence[tuple[Target, AdapterConfig]]


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for an unknown name: the known one nearest to it, or all of them."""
    known = sorted(known)
    close = get_close_matches(name, known, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Choose one of {', '.join(known)}."


def uniform_plan(targets: Iterable[Target], config: AdapterConfig) -> Plan:
    """The same kind of adapter on every target."""
    return [(target, config) for target in targets]


def make_adapters(
    model: Any, plan: Plan, dtype: torch.dtype = torch.float32, device: torch.device | None = None
) -> dict[str, list[Adapter]]:
    """New adapters for a plan, by layer name; they add exactly nothing yet.

    Args:
        model: ModelPatcher, BaseModel or ControlNet that has the targets.

    Raises:
        AdapterError: if a kind or an option is unknown, or does not fit a layer.
    """
    adapters: dict[str, list[Adapter]] = {}
    names = part_names(root_of(model)) if any(target.rows for target, _ in plan) else {}
    with torch.inference_mode(False):
        for target, config in _together(plan, names, model):
            adapter = make_adapter(layer_at(model, target.layer), target, config)
            if target.rows:
                adapter.part_name = names.get((target.key, target.rows), "")
            adapters.setdefault(target.layer, []).append(adapter.to(device, dtype))
    return adapters


def _together(plan: Plan, names: Mapping[tuple[str, Rows], str], model: Any) -> Plan:
    """The plan with adjacent parts of a fused weight as one target, where a file could not tell them apart.

    That is so for kinds that cannot be merged, on weights for whose parts ComfyUI has no names. LyCORIS, too, puts
    one adapter on a fused weight.
    """
    done: list[tuple[Target, AdapterConfig]] = []
    for target, config in plan:
        rows, merges = target.rows, config.kind in KINDS and KINDS[config.kind].MERGES
        if done and rows and not merges and (target.key, rows) not in names:
            before, settings = done[-1]
            if before.key == target.key and before.rows and before.rows[1] == rows[0] and settings == config:
                both = (before.rows[0], rows[1])
                height = target_shape(layer_at(model, target.layer), target).layer_rows
                done[-1] = (replace(before, rows=None if both == (0, height) else both, name=None), config)
                continue
        done.append((target, config))
    return done


def make_adapter(layer: nn.Module, target: Target, config: AdapterConfig) -> Adapter:
    """A new adapter on a layer."""
    kind = adapter_class(config)
    if getattr(layer, "groups", 1) != 1 and not kind.GROUPS:
        raise AdapterError(f"{config.kind} cannot be used on {target.layer!r}, a convolution in groups.")
    adapter = kind(target, target_shape(layer, target), config)
    adapter.made_for(layer)
    return adapter


def target_shape(layer: nn.Module, target: Target) -> Shape:
    """The shape of what an adapter on the target changes of the layer's weight.

    Raises:
        AdapterError: if the layer has no such weight, or not these rows.
    """
    try:
        return shape_of(layer, target.rows)
    except LayerError as error:
        raise AdapterError(f"{target.layer!r} {error}") from None


def adapter_class(config: AdapterConfig) -> type[Adapter]:
    """The class for a config.

    Raises:
        AdapterError: if the kind, an option or the rank is not known to it.
    """
    if config.kind not in KINDS:
        raise AdapterError(f"there is no adapter kind {config.kind!r}. {nearest(config.kind, KINDS)}")
    kind = KINDS[config.kind]
    for option in config.options:
        if option not in kind.OPTIONS | DROPOUTS:
            hint = nearest(option, kind.OPTIONS | DROPOUTS)
            raise AdapterError(f"{config.kind} has no option {option!r}. {hint}")
    if min(config.rank, config.conv_rank or config.rank) < 1:
        raise AdapterError(
            f"the rank must be 1 or more, not {min(config.rank, config.conv_rank or config.rank)}."
        )
    most = max(config.rank, config.conv_rank or 0)
    if most > MOST_RANK and kind is not Lokr:
        raise AdapterError(f"rank {most} is more than a layer has use for; give at most {MOST_RANK}.")
    return DECOMPOSED[kind] if config.options.get("dora") else kind
