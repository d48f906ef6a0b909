"""Buckets: pictures of one strength, from a folder of ComfyUI's or from the graph."""

from __future__ import annotations

import hashlib
import os

from comfy_api.latest import io

from ..slider_core.data.captions import CAPTIONS
from ..slider_core.given import quoted
from .bucket_inputs import more_inputs
from .bucket_sources import NO_FOLDER
from .input_folder import input_folders, input_path
from .inputs import checked, one
from .progress import show
from .types import CATEGORY, SliderBuckets


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
                io.String.Input(
                    "name", default="bucket", tooltip="What the plan and the file's metadata call it."
                ),
                io.Float.Input(
                    "slider_strength",
                    default=0.5,
                    min=-10.0,
                    max=10.0,
                    step=0.05,
                    tooltip="Above 0: these pictures have more of the concept. Below 0: less. 0: neutral.",
                ),
                io.Combo.Input(
                    "folder",
                    options=[NO_FOLDER, *input_folders()],
                    default=NO_FOLDER,
                    tooltip="A folder below ComfyUI's input or datasets folder. Not used where pictures are connected.",
                ),
                io.Combo.Input(
                    "captions",
                    options=list(CAPTIONS),
                    default="prompt",
                    tooltip="Where each picture's caption is: in a .txt file of the same name, in the file name, or "
                    "one prompt for all. A good caption does not mention the concept.",
                ),
                io.String.Input(
                    "prompt",
                    default="",
                    multiline=True,
                    tooltip="Caption of every picture; a connected list of texts has one for each.",
                ),
                io.Vae.Input("vae", tooltip="The model's VAE."),
                io.Clip.Input("clip", optional=True, tooltip="The model's text encoder, for the captions."),
                io.Int.Input(
                    "resolution",
                    default=1024,
                    min=32,
                    max=4096,
                    step=8,
                    tooltip="Pictures are scaled to about this many pixels squared, keeping their shape.",
                ),
                io.Float.Input(
                    "probability",
                    default=1.0,
                    min=0.0,
                    max=1000.0,
                    step=0.05,
                    tooltip="How often this bucket is drawn, against others of the same sign.",
                ),
                io.Int.Input(
                    "repeats", default=1, min=1, max=10000, tooltip="How often each picture comes in an epoch."
                ),
                io.Int.Input(
                    "frames",
                    default=1,
                    min=1,
                    max=1024,
                    advanced=True,
                    tooltip="For video models: frames of a clip, from video files, GIFs, videos, or so many connected "
                    "images in a row. 1: pictures.",
                ),
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
                *more_inputs(),
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
        folder = one(folder)
        try:
            if folder in (NO_FOLDER, None) or os.path.isdir(input_path(folder)):
                return True
        except ValueError as error:
            return str(error)
        return (
            f"There is no folder {quoted(folder)} below ComfyUI's input folder. Create it, or choose another."
        )

    @classmethod
    def fingerprint_inputs(
        cls, folder: str | list[str] = NO_FOLDER, subfolders: bool | list[bool] = False, **_
    ) -> str:
        """Changes when a picture or caption of the folder does."""
        from ..slider_core.data.folder import files_of

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
    def execute(
        cls,
        name: str,
        slider_strength: float,
        folder: str,
        captions: str,
        prompt: list[str],
        vae,
        resolution: int,
        probability: float,
        repeats: int,
        frames: int = 1,
        clip=None,
        **more,
    ) -> io.NodeOutput:
        """With `is_input_list`, pictures of any sizes, prompts and conditionings come as lists: still one bucket."""
        from .bucket_making import BucketMaking

        making = BucketMaking(
            name,
            slider_strength,
            folder,
            captions,
            prompt,
            vae,
            resolution,
            probability,
            repeats,
            frames,
            clip,
            **more,
        )
        chain, report = making.made()
        return show(report, chain, report)
