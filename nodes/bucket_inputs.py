"""Sockets of Load Slider Bucket for all that users have; each is optional."""

from __future__ import annotations

from comfy_api.latest import io


def more_sockets() -> list[io.Input]:
    """Of pictures that are no batch of images, and what goes with them."""
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
