"""Folders of pictures and clips as the tests write them, and the examples that are read of them."""

from fractions import Fraction

import av
import numpy as np
from as_comfyui import Clip, Vae
from concept_sliders.slider_core.data.folder import FolderPictures
from concept_sliders.slider_core.data.sizing import Sizing
from concept_sliders.slider_core.encoding.encode import encoded
from concept_sliders.slider_core.encoding.encoders import Encoders
from PIL import Image

SMALL = Sizing(64)


def examples(folder, sizing=SMALL, mirrored=False, **options):
    return encoded(FolderPictures(folder, **options), Encoders(Vae(), Clip()), sizing, mirrored=mirrored)


def picture(place, size=(64, 64), colour="red", **options):
    place.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(place, **options)
    return place


def written_video(file, frames=12, size=(64, 48), codec="libvpx"):
    """A video that grows brighter from frame to frame."""
    with av.open(str(file), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(8))
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for value in np.linspace(0, 255, frames):
            grey = np.full((size[1], size[0], 3), round(value), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode())
    return file


def moving_picture(file, frames=12):
    greys = [Image.new("RGB", (64, 48), (round(value),) * 3) for value in np.linspace(0, 255, frames)]
    greys[0].save(file, save_all=True, append_images=greys[1:], duration=50, quality=100)
    return file
