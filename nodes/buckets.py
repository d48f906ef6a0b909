"""Buckets: pictures of one strength, from a folder of ComfyUI's or from the graph."""

from __future__ import annotations

import hashlib
import os
from typing import Any

from comfy_api.latest import io

from ..slider_core.given import quoted
from ..slider_core.settings import BucketSettings, settings_of
from .bucket_inputs import more_sockets
from .bucket_sources import NO_FOLDER
from .input_folder import input_folders, input_path
from .inputs import checked, one
from .progress import show
from .types import CATEGORY, SliderBuckets
from .widgets import widgets

LATER = "subfolders text_file stride mask_from size_by megapixels crop minimum_size mirrored keep_encoded"


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
                    tooltip="A folder below ComfyUI's input or datasets folder. Not used where pictures are connected.",
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
                *more_sockets(),
                *widgets(BucketSettings, LATER, later=True),
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
    def fingerprint_inputs(
        cls, folder: str | list[str] = NO_FOLDER, subfolders: bool | list[bool] = False, **_: Any
    ) -> str:
        """Changes when a picture or caption of the folder does."""
        from ..slider_core.data.listing import files_of

        if cls.validate_inputs(folder) is not True or one(folder) in (NO_FOLDER, None):
            return ""
        try:
            files = sorted(files_of(input_path(one(folder)), one(subfolders) is True))
            stats = [(str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files]
        except (OSError, ValueError):
            return ""  # the run says what is wrong
        return hashlib.sha256(repr(stats).encode("utf-8", "surrogatepass")).hexdigest()

    @classmethod
    @checked(
        many="prompt images control_images conditioning buckets latents videos masks names".split(),
        own=["folder"],
    )
    def execute(cls, folder: str, prompt: list[str], vae: Any, clip: Any = None, **given: Any) -> io.NodeOutput:
        """With `is_input_list`, pictures of any sizes, prompts and conditionings come as lists: still one bucket."""
        from .bucket_making import BucketMaking

        known = settings_of(BucketSettings)
        settings = BucketSettings(**{name: value for name, value in given.items() if name in known})
        connected = {name: value for name, value in given.items() if name not in known}
        chain, report = BucketMaking(settings, folder, prompt, vae, clip, **connected).made()
        return show(report, chain, report)
