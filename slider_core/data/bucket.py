"""A bucket: pictures (or videos) of one strength, encoded once, with their captions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from ..given import counted
from ..settings import BucketSettings
from .words import Words

MIRRORED = " mirrored"  # behind the names of pictures with left and right exchanged


@dataclass(frozen=True)
class Example:
    """One picture, ready for training.

    Attributes:
        name: the file's name without extension, below its bucket's folder; pairs are found by it.
        caption: the text that `conditioning` encodes.
        latent: as the VAE gives it, batch of 1: [1, C, H, W] or, with frames, [1, C, T, H, W].
        conditioning: ComfyUI's CONDITIONING list for the caption.
        control: control picture [1, H, W, 3] in 0..1 at the picture's size, if there is one.
        mask: [1 or frames, h, w] of the latent's size, 0..1, 1 where the concept is; None where there is none.
        named: whether `name` is a file's or one that was given; else it is only the picture's number.
        variants: the same picture with its other captions, where it has several; each draw takes one of them all.
        strength: its own, of its bucket's sign, where the pictures of a bucket have numbers; None for the bucket's.
        brightness: mean of the picture's pixels, 0..1; None for what was encoded elsewhere.
        words: what the target is made from, if not from the picture, which then only lends its latent.
    """

    name: str
    caption: str
    latent: Tensor
    conditioning: list[Any]
    control: Tensor | None = None
    mask: Tensor | None = None
    named: bool = True
    variants: tuple[Example, ...] = ()
    strength: float | None = None
    brightness: float | None = None
    words: Words | None = None

    def with_caption(self, lot: float) -> Example:
        """Itself or one of its variants, by a number from 0 up to 1."""
        return (self, *self.variants)[int(lot * (1 + len(self.variants)))]


def with_variants(examples: Sequence[Example]) -> Example:
    """The first of several examples of one picture, with the others as its variants."""
    return replace(examples[0], variants=tuple(examples[1:]))


@dataclass(frozen=True)
class Bucket:
    """Examples that share a strength.

    Attributes:
        strength: signed strength (`slider_strength` in SimpleTuner); None or 0 makes the bucket neutral.
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

    def strength_of(self, example: Example) -> float:
        """The example's own strength, or the bucket's; 0 for neutral."""
        return (self.strength or 0.0) if example.strength is None else example.strength

    def strengths(self) -> str:
        """The strength, or the weakest and the strongest where pictures have their own."""
        found = sorted({self.strength_of(example) for example in self.examples}, key=abs)
        return f"{found[0]:+g}" if len(found) == 1 else f"{found[0]:+g} to {found[-1]:+g}"

    def summary(self) -> str:
        """Number of pictures, strength, sizes, captions and masks, in a line."""
        sizes = Counter("×".join(map(str, example.latent.shape[2:])) for example in self.examples)
        shapes = ", ".join(f"{count} of {size}" for size, count in sizes.items())
        strength = self.strengths() if self.sign else "neutral"
        captions = len({one.caption for example in self.examples for one in (example, *example.variants)})
        masks = sum(example.mask is not None for example in self.examples)
        with_masks = f", {counted(masks, 'mask')}" if masks else ""
        return (
            f"{self.name}: {counted(len(self.examples), 'picture')} at {strength}, latents {shapes}, "
            f"{counted(captions, 'caption')}{with_masks}"
        )
