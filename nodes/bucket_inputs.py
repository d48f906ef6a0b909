"""Inputs of Load Slider Bucket for all that users have: each is optional, and as it was before it where left alone."""

from __future__ import annotations

from comfy_api.latest import io

from ..slider_core.data.captions import TEXT_FILES
from ..slider_core.data.masks import SOURCES
from ..slider_core.data.sizing import CROPS, MEASURES


def more_inputs() -> list[io.Input]:
    """New ones come last, so that saved workflows stay as they are."""
    return [*_sockets(), *_of_folders(), *_of_sizes()]


def _sockets() -> list[io.Input]:
    return [
        io.Latent.Input(
            "latents",
            optional=True,
            tooltip="Pictures that are encoded already (Make or Load Training Dataset, Resolution Bucket), with their "
            "conditioning.",
        ),
        io.Video.Input("videos", optional=True, tooltip="Videos, of each of which frames make one clip."),
        io.Mask.Input(
            "masks", optional=True, tooltip="White where the concept is: for each picture one, or one for all."
        ),
        io.String.Input(
            "names",
            optional=True,
            force_input=True,
            tooltip="A name for each connected picture; pictures of one name are a pair.",
        ),
    ]


def _of_folders() -> list[io.Input]:
    return [
        io.Boolean.Input(
            "subfolders",
            default=False,
            optional=True,
            advanced=True,
            tooltip="Also read the folders below the folder. A pair has the same name in the same folder.",
        ),
        io.Combo.Input(
            "text_file",
            options=list(TEXT_FILES),
            default="whole file",
            optional=True,
            advanced=True,
            tooltip="whole file: a text file is one caption. one a line: each line is a caption, of which every draw "
            "takes one by the cycle's seed.",
        ),
        io.Int.Input(
            "stride",
            default=1,
            min=1,
            max=1000,
            optional=True,
            advanced=True,
            tooltip="Clips of files and videos are made of one frame of every so many.",
        ),
        io.Combo.Input(
            "mask_from",
            options=list(SOURCES),
            default="mask file",
            optional=True,
            advanced=True,
            tooltip="mask file: the mask of face.png is face-mask.png, white where the concept is. alpha channel: "
            "what is opaque; the picture is taken as it is below.",
        ),
    ]


def _of_sizes() -> list[io.Input]:
    return [
        io.Combo.Input(
            "size_by",
            options=list(MEASURES),
            default="area",
            optional=True,
            advanced=True,
            tooltip="area: as many pixels as a square of resolution. shorter edge: resolution is its length. "
            "megapixels: as many as megapixels says.",
        ),
        io.Float.Input(
            "megapixels",
            default=1.0,
            min=0.01,
            max=16.0,
            step=0.01,
            optional=True,
            advanced=True,
            tooltip="For size_by megapixels; 1 is 1024 × 1024.",
        ),
        io.Combo.Input(
            "crop",
            options=list(CROPS),
            default="keep shape",
            optional=True,
            advanced=True,
            tooltip="square: the largest square around the middle. square from the top: the upper one, for people. "
            "centre: a square from the middle, not scaled down.",
        ),
        io.Int.Input(
            "minimum_size",
            default=0,
            min=0,
            max=16384,
            optional=True,
            advanced=True,
            tooltip="Pictures whose shorter edge has fewer pixels are left out, and counted in the report.",
        ),
        io.Boolean.Input(
            "mirrored",
            default=False,
            optional=True,
            advanced=True,
            tooltip="Each picture also with left and right exchanged. Set it alike on both sides.",
        ),
        io.Boolean.Input(
            "keep_encoded",
            default=True,
            optional=True,
            advanced=True,
            tooltip="Keep on disk what VAE and text encoder gave, so that the same picture or caption is not encoded "
            "again after a restart. At most 8 GB.",
        ),
    ]
