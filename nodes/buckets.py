"""Buckets: pictures of one strength, from a folder below ComfyUI's input directory or from the graph."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import Any

from comfy.utils import ProgressBar
from comfy_api.latest import io

from ..slider_core.given import quoted
from ..slider_core.settings import BucketSettings
from .bucket_sources import NO_FOLDER, FromGraph, folder_of, pixels_of, there
from .input_folder import input_folders, input_path
from .inputs import checked, one
from .progress import show
from .types import CATEGORY, SliderBuckets
from .widgets import widgets


class BucketLoader(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="BucketLoader",
            display_name="Load Slider Bucket",
            category=CATEGORY,
            description="A set of pictures that share a strength: more of the concept (+0.5), less of it (−0.5), or "
            "neutral (0). Chain one loader per bucket.",
            search_aliases=["slider dataset", "training images", "concept bucket"],
            is_input_list=True,
            inputs=[
                *widgets(BucketSettings, "name slider_strength"),
                io.Combo.Input(
                    "folder",
                    options=[NO_FOLDER, *input_folders()],
                    default=NO_FOLDER,
                    tooltip="A folder below ComfyUI's input folder. Not used where images are connected.",
                ),
                *widgets(BucketSettings, "captions prompt"),
                io.Vae.Input("vae", tooltip="The model's VAE."),
                io.Clip.Input("clip", optional=True, tooltip="The model's text encoder, for the captions."),
                *widgets(BucketSettings, "resolution probability repeats frames"),
                io.Image.Input(
                    "images",
                    optional=True,
                    tooltip="Pictures from the graph, instead of a folder: a batch, or a list of any sizes.",
                ),
                io.Image.Input(
                    "control_images", optional=True, tooltip="A control picture for each, for ControlNets."
                ),
                SliderBuckets.Input(
                    "buckets", optional=True, tooltip="Buckets so far, to which this one is added."
                ),
                io.Conditioning.Input(
                    "conditioning",
                    optional=True,
                    tooltip="Used for every picture as it is, in place of captions: for models that take more than "
                    "text (image to video, editing).",
                ),
            ],
            outputs=[
                SliderBuckets.Output(display_name="buckets", tooltip="Those so far, and this one."),
                io.String.Output(
                    display_name="report", tooltip="Pictures, strengths and sizes of each bucket."
                ),
            ],
        )

    @classmethod
    def validate_inputs(cls, folder: str | list[str]) -> bool | str:
        chosen = one(folder)
        try:
            if chosen in (NO_FOLDER, None) or os.path.isdir(input_path(chosen)):
                return True
        except ValueError as error:
            return str(error)
        return (
            f"There is no folder {quoted(chosen)} below ComfyUI's input folder. Create it, or choose another."
        )

    @classmethod
    def fingerprint_inputs(cls, folder: str | list[str] = NO_FOLDER, **_: Any) -> str:
        """Changes when a picture or caption of the folder does."""
        if cls.validate_inputs(folder) is not True or one(folder) in (NO_FOLDER, None):
            return ""
        files = sorted(input_path(one(folder)).iterdir())
        stats = [(file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in files if file.is_file()]
        return hashlib.sha256(repr(stats).encode()).hexdigest()

    @classmethod
    @checked(many=["prompt", "images", "control_images", "conditioning", "buckets"], own=["folder"])
    def execute(
        cls,
        folder: str,
        prompt: list[str],
        vae: Any,
        clip: Any = None,
        images: list[Any] | None = None,
        control_images: list[Any] | None = None,
        conditioning: list[Any] | None = None,
        buckets: Sequence[Any] = (),
        **given: Any,
    ) -> io.NodeOutput:
        """With `is_input_list`, pictures of any sizes, prompts and conditionings come as lists: still one bucket."""
        from ..slider_core.data import Bucket
        from ..slider_core.data.encode import encoded
        from ..slider_core.data.folder import FromFolder, one_for_each

        settings = BucketSettings(**given)
        conditionings = there(conditioning)
        if clip is None and not conditionings:
            raise ValueError(
                "There is nothing to encode captions with: connect clip (where a checkpoint has no text encoder, load "
                "it with a node of its own), or a conditioning that all pictures share."
            )
        connected = bool(there(images)) or images == []
        source: FromGraph | FromFolder
        if connected:
            source = FromGraph(settings.name, there(images), settings.frames, prompt)
        else:
            source = FromFolder(settings, folder_of(folder), prompt)
        count = len(source)
        controls = list(pixels_of(there(control_images), "control image"))
        one_for_each(settings.name, count, "control images", len(controls), (0, count))
        one_for_each(settings.name, count, "conditionings", len(conditionings), (0, 1, count))
        bar = ProgressBar(count)
        examples = encoded(source, vae, clip, settings.resolution, controls, conditionings, bar.update_absolute)
        chain = (*(earlier for chained in there(buckets) for earlier in chained), Bucket.of(settings, examples))
        lines = [bucket.summary() for bucket in chain]
        if connected and settings.captions != "prompt":
            lines.append(f"Note: connected images have no {settings.captions}, so their caption is the prompt.")
        if not connected and settings.frames > 1:
            lines.append("Note: frames is for connected images; in a folder each picture stands for itself.")
        report = "\n".join(lines)
        return show(report, chain, report)
