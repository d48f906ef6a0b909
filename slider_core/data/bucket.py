"""A bucket: pictures (or videos) of one strength, encoded once, with their captions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..given import counted
from ..settings import BucketSettings
from .words import Words


@dataclass(frozen=True)
class Example:
    """One picture, ready for training.

    Attributes:
        name: the file's name without folder and extension; pairs are found by it.
        caption: the text that `conditioning` encodes.
        latent: as the VAE gives it, batch of 1: [1, C, H, W] or, with frames, [1, C, T, H, W].
        conditioning: ComfyUI's CONDITIONING list for the caption.
        control: control picture [1, H, W, 3] in 0..1 at the picture's size, if there is one.
        words: what the target is made from, if not from the picture, which then only lends its latent.
    """

    name: str
    caption: str
    latent: Tensor
    conditioning: list[Any]
    control: Tensor | None = None
    words: Words | None = None


@dataclass(frozen=True)
class Bucket:
    """Examples that share a strength.

    Attributes:
        strength: signed strength (`slider_strength` of the guide); None or 0 makes the bucket neutral.
        probability: relative weight among the buckets of the same sign.
        repeats: how often each example may be drawn before the bucket is exhausted.
    """

    name: str
    examples: tuple[Example, ...]
    strength: float | None = None
    probability: float = BucketSettings.probability
    repeats: int = BucketSettings.repeats

    @classmethod
    def of(cls, settings: BucketSettings, examples: tuple[Example, ...]) -> Bucket:
        """The bucket that these settings ask for."""
        strength = settings.slider_strength or None
        return cls(settings.name, examples, strength, settings.probability, settings.repeats)

    @property
    def sign(self) -> int:
        """+1 positive, −1 negative, 0 neutral."""
        strength = self.strength or 0.0
        return (strength > 0) - (strength < 0)

    def summary(self) -> str:
        """Number of pictures, strength, sizes and captions, in a line."""
        sizes = Counter("×".join(map(str, example.latent.shape[2:])) for example in self.examples)
        shapes = ", ".join(f"{count} of {size}" for size, count in sizes.items())
        strength = f"{self.strength:+g}" if self.sign else "neutral"
        captions = len({example.caption for example in self.examples})
        return (
            f"{self.name}: {counted(len(self.examples), 'picture')} at {strength}, latents {shapes}, "
            f"{counted(captions, 'caption')}"
        )
