"""The keys of a config file that are no widgets: files, where the nodes have sockets, and what is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..settings.setting import KEY, Setting, Settings, choice, nearest, switch, text

WEIGHT_DTYPES = ("default", "fp8_e4m3fn", "fp8_e4m3fn_fast", "fp8_e5m2")  # as ComfyUI's UNETLoader has them


@dataclass(frozen=True)
class Source(Setting):
    """A file, or a table with the id of a node that loads it and that node's inputs.

    Attributes:
        several: a list of files is possible too.
    """

    several: bool = False

    def fault(self, value: Any) -> str:
        if value is None or (isinstance(value, str) and value):
            return ""
        if (
            self.several
            and isinstance(value, list | tuple)
            and all(isinstance(name, str) and name for name in value)
        ):
            return ""
        if isinstance(value, Mapping) and isinstance(value.get("node"), str):
            return ""
        many = ", a list of them" if self.several else ""
        return f'it must be the name of a file{many}, or a table such as {{node = "UnetLoaderGGUF", unet_name = "…"}}.'


@dataclass(frozen=True)
class Table(Setting):
    """A table with settings of its own."""

    def fault(self, value: Any) -> str:
        return (
            ""
            if value is None or isinstance(value, Mapping)
            else 'it must be a table such as {token = "smile"}.'
        )


@dataclass(frozen=True)
class Library(Setting):
    """Prompts: a table as in Slider Prompt Library, or a list of prompts."""

    def fault(self, value: Any) -> str:
        listed = isinstance(value, list) and all(isinstance(prompt, str) for prompt in value)
        named = isinstance(value, str) and value.endswith(".json")
        if value is None or listed or named or isinstance(value, Mapping):
            return ""
        return (
            'it must be a list of prompts, a table: face = "a portrait", plain = {prompt = "…", neutral = true}, or '
            "the name of a .json file with such a table."
        )


def clip_types() -> list[str]:
    """The types of text encoders that this ComfyUI knows."""
    from comfy.sd import CLIPType

    return [kind.name.lower() for kind in CLIPType]


@dataclass(frozen=True)
class ClipType(Setting):
    """One of ComfyUI's; empty where a node decides."""

    def fault(self, value: Any) -> str:
        known = clip_types()
        return "" if value == "" or value in known else nearest(value, known)


def _other(default: Any, setting: Setting) -> Any:
    return field(default=default, metadata={KEY: setting})


@dataclass(frozen=True, kw_only=True)
class ModelKeys(Settings):
    """The table [model]: files as ComfyUI's loaders take them."""

    checkpoint: Any = _other(None, Source(help="A file with model, text encoders and VAE, or some of them."))
    diffusion_model: Any = _other(None, Source(help="The model alone; in place of the checkpoint's."))
    weight_dtype: str = choice("default", WEIGHT_DTYPES, "Of the diffusion_model, as in Load Diffusion Model.")
    text_encoders: Any = _other(None, Source(several=True, help="One or more; in place of the checkpoint's."))
    type: str = _other("", ClipType(help="Of the text_encoders, as in ComfyUI's Load CLIP: flux, sd3, wan …"))
    vae: Any = _other(None, Source(help="In place of the checkpoint's."))
    control_net: Any = _other(None, Source(help="Active in training, with control_folder of the buckets."))
    extra_model_paths: str = text("", "More model folders: a file as ComfyUI's extra_model_paths.yaml.")
    custom_nodes: Any = _other((), Source(several=True, help="Node packs with loaders that are used here."))


@dataclass(frozen=True, kw_only=True)
class TargetKeys(Settings):
    """Keys of [targets] beside the widgets of Slider Targets."""

    control_net: bool = switch(False, "Whether the slider is trained on the ControlNet and not on the model.")


@dataclass(frozen=True, kw_only=True)
class DatasetKeys(Settings):
    """The table [dataset]: SimpleTuner's files as they are, with [[bucket]] tables or in their place."""

    file: str = text("", "A multidatabackend.json, each of whose datasets becomes a bucket.")
    config: str = text("", "The config.json beside it: for all of [train] that is not said here.")


@dataclass(frozen=True, kw_only=True)
class BucketKeys(Settings):
    """Keys of [[bucket]] beside the widgets of Load Slider Bucket."""

    folder: str = text("", "Its pictures; relative to this file, or below ComfyUI's input folder.")
    control_folder: str = text("", "A control picture for each, under the same file name.")
    held_out: bool = switch(False, "Not trained on: what the slider does for it is measured at the end.")
    numbers: Any = _other(None, Table(help="A number for each picture, as in Slider Strength per Picture."))


@dataclass(frozen=True, kw_only=True)
class TrainKeys(Settings):
    """Keys of [train] beside the widgets of Train Slider."""

    assistant_lora: str = text("", "A frozen adapter that helps training only (Z-Image Turbo, Flux schnell).")
    start_from: str = text("", "A slider whose weights training starts with.")
    preview_prompt: str = text("", "Of previews; else the first positive picture's caption.")
    preview_negative: str = text("", "Of previews; else an empty prompt.")


@dataclass(frozen=True, kw_only=True)
class SweepKeys(Settings):
    """Keys of [sweep] beside the widgets of Slider Sweep."""

    measure: bool = switch(True, "Whether a slider is measured when it is trained.")
    prompts: Any = _other(None, Library(help="What pictures are made of; else captions of the training."))
    negative: str = text("", "The negative prompt.")


@dataclass(frozen=True, kw_only=True)
class OutputSettings(Settings):
    """The table [output]."""

    folder: str = text(
        "", "Below which sliders, checkpoints and logs are written; else ComfyUI's output folder."
    )
    log: bool = switch(True, "Every step as a line of JSON, in slider_logs/ below the folder.")
    tensorboard: bool = switch(False, "The same for TensorBoard, in slider_logs/tensorboard/.")
