"""From settings and parts to the request of a training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from ..adapters import AdapterConfig, Plan, lycoris_plan, uniform_plan
from ..files import describe
from ..files.naming import checkpoint_place, places, slider_name
from ..settings import LoopSettings, TrainSettings, settings_of
from ..settings.training import VARIANTS
from ..training import TrainRequest
from .parts import Parts


def request_of(parts: Parts, settings: TrainSettings, output: Path) -> TrainRequest:
    """The training that these settings ask for.

    Args:
        output: folder below which sliders and checkpoints are written.

    Raises:
        SettingsError, AdapterError, FileNameError: for settings that do not go with the parts or each other.
    """
    if all(example.words for bucket in parts.cycle.buckets for example in bucket.examples):
        settings = replace(settings, objective="prompts")
    plan = plan_of(parts, settings)
    return TrainRequest(
        model=parts.model,
        plan=plan,
        cycle=parts.cycle,
        dtype=getattr(torch, settings.precision),
        control_net=parts.control_net,
        train_control=parts.selection.on_control_net,
        vae=parts.vae,
        assistant=parts.assistant,
        start_from=parts.start_from,
        checkpoint=checkpoint_place(output, settings.file_name),
        sliders=next(places(output, settings.file_name)).parent,
        resume=settings.resume == "continue",
        description=_description(parts, plan, settings),
        **{name: getattr(settings, name) for name in settings_of(LoopSettings)},
    )


def plan_of(parts: Parts, settings: TrainSettings) -> Plan:
    """Each target and the adapter that it gets."""
    root = parts.control_net if parts.selection.on_control_net else parts.model
    if text := settings.lycoris_config.strip():
        return lycoris_plan(text, root, parts.selection.targets)
    kind, options = VARIANTS.get(settings.kind, (settings.kind, {}))
    config = AdapterConfig(kind, settings.rank, settings.alpha or None, options=options)
    return uniform_plan(parts.selection.targets, config)


def _description(parts: Parts, plan: Plan, settings: TrainSettings) -> dict[str, str]:
    return describe(
        base_model=type(parts.model.model.model_config).__name__,
        family=parts.selection.family,
        plan=plan,
        buckets=parts.cycle.buckets,
        title=slider_name(settings.file_name).name,
        objective=settings.objective,
        steps=settings.steps,
        seed=settings.seed,
        learning_rate=settings.learning_rate,
    )
