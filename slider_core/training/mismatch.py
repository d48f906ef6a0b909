"""A VAE or text encoder of another model than the one that is trained, named as such and not by a shape error."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..data.bucket import Bucket
from ..data.cycle import Turn
from ..given import quoted

# What torch says where two tensors do not go together, and what ComfyUI's models say where a conditioning lacks a part.
SHAPES = re.compile(
    r"mat1 and mat2|cannot be multiplied|[Ss]izes? of tensor|normalized_shape|to have \d+ channels|invalid for input "
    r"of size|must match the|NoneType|pooled"
)


def other_vae(buckets: Sequence[Bucket], model: Any) -> str | None:
    """What is wrong with latents that have not the channels that the model takes; None for nothing."""
    expected = model.model.latent_format.latent_channels
    for bucket in buckets:
        for latent in (example.latent for example in bucket.examples):
            if latent.ndim in (4, 5) and latent.shape[1] != expected:
                return (
                    f"The pictures of bucket {quoted(bucket.name)} were encoded by the VAE of another model: their "
                    f"latents have {latent.shape[1]} channels, and {type(model.model).__name__} takes {expected}. "
                    f"Connect the VAE that belongs to the model to Load Slider Bucket."
                )
    return None


def other_text_encoder(error: Exception, turn: Turn) -> str | None:
    """What is most likely wrong where the first step of a training fails on shapes; None for another error."""
    if not SHAPES.search(str(error)):
        return None
    draw = turn[0]
    width = draw.example.conditioning[0][0].shape[-1]
    return (
        f"The model cannot read the captions of bucket {quoted(draw.bucket.name)}, which are {width} numbers a word. "
        f"They seem to come from the text encoder of another model: connect the clip that belongs to this one to Load "
        f"Slider Bucket ({quoted(str(error))})."
    )
