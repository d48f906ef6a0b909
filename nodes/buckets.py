"""Buckets: pictures of one strength, from a folder below ComfyUI's input directory or from the graph."""

from __future__ import annotations

import hashlib
from pathlib import Path

import folder_paths
from comfy.utils import ProgressBar
from comfy_api.latest import io

from .progress import show
from .types import CATEGORY, SliderBuckets

NO_FOLDER = "[connected images]"
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
                io.String.Input("prompt", default="", multiline=True, tooltip="Caption of every picture."),
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
                    "images", optional=True, tooltip="Pictures from the graph, instead of a folder."
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
    def validate_inputs(cls, folder: str) -> bool | str:
        if folder in (NO_FOLDER, None) or folder in input_folders():
            return True
        return (
            f"There is no folder {folder!r} below ComfyUI's input folder. Create it, or choose one of the list."
        )

    @classmethod
    def fingerprint_inputs(cls, folder: str = NO_FOLDER, **_) -> str:
        """Changes when a picture or caption of the folder does."""
        if folder not in input_folders():
            return ""
        files = sorted(input_folder(folder).iterdir())
        stats = [(file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in files if file.is_file()]
        return hashlib.sha256(repr(stats).encode()).hexdigest()

    @classmethod
    def execute(
        cls,
        name: str,
        slider_strength: float,
        folder: str,
        captions: str,
        prompt: str,
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
        from ..slider_core.data import Bucket
        from ..slider_core.data.encode import encoded

        if vae is None:
            raise ValueError(
                "The vae input got nothing: this checkpoint has none. Load it with a node of its own."
            )
        if clip is None and conditioning is None:
            raise ValueError(
                "There is nothing to encode captions with: connect clip (where a checkpoint has no text encoder, load "
                "it with a node of its own), or a conditioning that all pictures share."
            )
        pictures = (
            _from_graph(images, frames, name, prompt)
            if images is not None
            else _from_folder(folder, captions, prompt)
        )
        controls = [] if control_images is None else list(control_images[..., :3].cpu())
        if controls and len(controls) != len(pictures):
            raise ValueError(
                f"Bucket {name!r} has {len(pictures)} pictures but {len(controls)} control images. Give one for each."
            )
        bar = ProgressBar(len(pictures))
        examples = encoded(pictures, vae, clip, resolution, controls, conditioning, bar.update_absolute)
        bucket = Bucket(name, examples, slider_strength or None, probability, repeats)
        chain = (*buckets, bucket)
        report = "\n".join(map(_describe, chain))
        return show(report, chain, report)


def input_folders() -> list[str]:
    """Folders below ComfyUI's input folder, at any depth, as `a/b`."""
    root = Path(folder_paths.get_input_directory())
    if not root.is_dir():
        return []
    return sorted(
        f.relative_to(root).as_posix() for f in root.rglob("*") if f.is_dir() and not f.name.startswith(".")
    )


def input_folder(folder: str) -> Path:
    """The folder's place on disk.

    Raises:
        ValueError: if it lies outside ComfyUI's input folder.
    """
    root = folder_paths.get_input_directory()
    place = Path(root, folder)
    if not folder_paths.is_within_directory(root, str(place.resolve())):
        raise ValueError(f"Folder {folder!r} lies outside ComfyUI's input folder. Move the pictures below it.")
    return place


def _from_folder(folder: str, captions: str, prompt: str):
    from ..slider_core.data.pictures import Picture, caption_of, picture_files, read_pixels

    if folder == NO_FOLDER:
        raise ValueError("This bucket has no pictures: choose a folder, or connect images.")
    files = picture_files(input_folder(folder))
    return [Picture(file.stem, read_pixels(file), caption_of(file, captions, prompt)) for file in files]


def _from_graph(images, frames: int, name: str, prompt: str):
    from ..slider_core.data.pictures import Picture

    pixels = images[..., :3].cpu()
    if len(pixels) % frames:
        raise ValueError(
            f"{len(pixels)} images cannot be cut into clips of {frames} frames. Give a multiple of {frames}."
        )
    clips = pixels.reshape(-1, frames, *pixels.shape[1:]) if frames > 1 else pixels
    return [Picture(f"{index:03}", clip, prompt) for index, clip in enumerate(clips)]


def _describe(bucket) -> str:
    shapes: dict[str, int] = {}
    for example in bucket.examples:
        size = "×".join(map(str, example.latent.shape[2:]))
        shapes[size] = shapes.get(size, 0) + 1
    sizes = ", ".join(f"{count} of {size}" for size, count in shapes.items())
    strength = f"{bucket.strength:+g}" if bucket.sign else "neutral"
    captions = len({example.caption for example in bucket.examples})
    return f"{bucket.name}: {len(bucket.examples)} pictures at {strength}, latents {sizes}, {captions} captions"
