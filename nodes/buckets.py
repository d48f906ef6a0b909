"""Buckets: pictures of one strength, from a folder below ComfyUI's input directory or from the graph."""

from __future__ import annotations

import hashlib
import os

from comfy.utils import ProgressBar
from comfy_api.latest import io

from ..slider_core.given import quoted
from .bucket_sources import NO_FOLDER, FromFolder, FromGraph, given, one_for_each, pixels_of
from .input_folder import input_folders, input_path
from .inputs import checked, one
from .progress import show
from .types import CATEGORY, SliderBuckets

CAPTIONS = ["text file", "file name", "prompt"]


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
                    tooltip="A folder below ComfyUI's input folder. Not used where images are connected.",
                ),
                io.Combo.Input(
                    "captions",
                    options=CAPTIONS,
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
                    tooltip="For video models: so many connected images in a row make one clip. 1: each is a picture.",
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
    def fingerprint_inputs(cls, folder: str | list[str] = NO_FOLDER, **_) -> str:
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
        images=None,
        control_images=None,
        conditioning=None,
        buckets=(),
    ) -> io.NodeOutput:
        """With `is_input_list`, pictures of any sizes, prompts and conditionings come as lists: still one bucket."""
        from ..slider_core.data import Bucket
        from ..slider_core.data.encode import encoded

        conditionings = given(conditioning)
        if clip is None and not conditionings:
            raise ValueError(
                "There is nothing to encode captions with: connect clip (where a checkpoint has no text encoder, load "
                "it with a node of its own), or a conditioning that all pictures share."
            )
        connected = bool(given(images)) or images == []
        source: FromGraph | FromFolder
        if connected:
            source = FromGraph(name, given(images), frames, prompt)
        else:
            source = FromFolder(name, folder, captions, prompt)
        count = len(source)
        controls = list(pixels_of(given(control_images), "control image"))
        one_for_each(name, count, "control images", len(controls), (0, count))
        one_for_each(name, count, "conditionings", len(conditionings), (0, 1, count))
        bar = ProgressBar(count)
        examples = encoded(source, vae, clip, resolution, controls, conditionings, bar.update_absolute)
        bucket = Bucket(name, examples, slider_strength or None, probability, repeats)
        chain = (*(earlier for chained in given(buckets) for earlier in chained), bucket)
        lines = list(map(_describe, chain))
        if connected and captions != "prompt":
            lines.append(f"Note: connected images have no {captions}, so their caption is the prompt.")
        if not connected and frames > 1:
            lines.append("Note: frames is for connected images; in a folder each picture stands for itself.")
        report = "\n".join(lines)
        return show(report, chain, report)


def _describe(bucket) -> str:
    shapes: dict[str, int] = {}
    for example in bucket.examples:
        size = "×".join(map(str, example.latent.shape[2:]))
        shapes[size] = shapes.get(size, 0) + 1
    sizes = ", ".join(f"{count} of {size}" for size, count in shapes.items())
    strength = f"{bucket.strength:+g}" if bucket.sign else "neutral"
    captions = len({example.caption for example in bucket.examples})
    return f"{bucket.name}: {len(bucket.examples)} pictures at {strength}, latents {sizes}, {captions} captions"
