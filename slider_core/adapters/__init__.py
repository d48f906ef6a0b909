"""The kinds of adapter, each on one target."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch

from ..architectures.target import Target
from .base import Adapter, AdapterConfig, AdapterError
from .layer import layer_of, shape_of
from .lora import Lora

KINDS: dict[str, type[Adapter]] = {"lora": Lora}

Plan = Sequence[tuple[Target, AdapterConfig]]

__all__ = ["KINDS", "Adapter", "AdapterConfig", "AdapterError", "Plan", "make_adapters", "uniform_plan"]


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
        AdapterError: if a kind is unknown or does not fit a layer.
    """
    adapters: dict[str, list[Adapter]] = {}
    with torch.inference_mode(False):
        for target, config in plan:
            if config.kind not in KINDS:
                raise AdapterError(
                    f"there is no adapter kind {config.kind!r}; choose one of {', '.join(KINDS)}."
                )
            layer = layer_of(model, target)
            adapter = KINDS[config.kind](target, shape_of(layer, target), config)
            adapters.setdefault(target.layer, []).append(adapter.to(device, dtype))
    return adapters
