"""What a config file asks for, read and checked: settings, and files that are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..data.simpletuner import Dataset
from ..evaluation.prompts import Prompt
from ..settings import (
    BucketSettings,
    CycleSettings,
    NumberSettings,
    SweepSettings,
    TargetSettings,
    TrainSettings,
)
from .keys import OutputSettings


@dataclass(frozen=True)
class NodeCall:
    """A part of the model that a node of ComfyUI or of another pack loads: its id, and its inputs as JSON."""

    node: str
    inputs: str


Source = Path | NodeCall


@dataclass(frozen=True)
class ModelPlan:
    """Where the parts of a model come from; two that are equal are loaded once.

    Attributes:
        type: of the text encoders, as ComfyUI's CLIP loaders name it.
        custom_nodes: packs that are loaded before.
    """

    checkpoint: Source | None = None
    diffusion_model: Source | None = None
    weight_dtype: str = "default"
    text_encoders: tuple[Path, ...] | NodeCall = ()
    type: str = ""
    vae: Source | None = None
    control_net: Source | None = None
    custom_nodes: tuple[Path, ...] = ()


@dataclass(frozen=True)
class BucketPlan:
    """A bucket and its folders.

    Attributes:
        held_out: whether it is measured and not trained on.
        numbers: where each picture has a number; the bucket then becomes up to three.
    """

    settings: BucketSettings
    folder: Path
    control_folder: Path | None = None
    held_out: bool = False
    numbers: NumberSettings | None = None


@dataclass(frozen=True)
class DatasetPlan:
    """SimpleTuner's files.

    Attributes:
        file, config: multidatabackend.json and config.json, by which two plans are the same.
        dataset: what they say, folders with their whole paths, which lie below `roots`.
        settings: of [train] and [targets], from config.json.
        notes: on keys of config.json, in sentences.
    """

    file: Path
    config: Path | None
    dataset: Dataset
    roots: tuple[Path, ...]
    settings: Mapping[str, Any]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class SweepPlan:
    """How a slider is measured when it is trained.

    Attributes:
        sized: whether width and height are asked for; else pictures have the size of the training's.
        prompts: none for captions of the training.
    """

    settings: SweepSettings
    sized: bool
    prompts: tuple[Prompt, ...]
    negative: str


@dataclass(frozen=True)
class SliderPlan:
    """A slider: what it is trained on, how, and how it is measured; None for not at all."""

    targets: TargetSettings
    on_control_net: bool
    buckets: tuple[BucketPlan, ...]
    cycle: CycleSettings
    train: TrainSettings
    assistant: Path | None
    start_from: Path | None
    preview_prompt: str
    preview_negative: str
    sweep: SweepPlan | None
    dataset: DatasetPlan | None = None


@dataclass(frozen=True)
class Config:
    """A config file.

    Attributes:
        output: folder below which everything is written; None for ComfyUI's output folder.
    """

    file: Path
    model: ModelPlan
    sliders: tuple[SliderPlan, ...]
    output: Path | None
    record: OutputSettings
