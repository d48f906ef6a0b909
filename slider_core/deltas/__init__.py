"""What sliders add to the outputs of layers, and how many of them are added in few operations.

A delta is what one adapter, or one change of a LoRA file, adds to one layer (`Delta`). `addition` puts the deltas of a
layer on it, as its forward or as one hook. Those that are products of two thin matrices are `low_rank`: `joint` casts
the matrices of all layers, and collects their gradients, in one piece of memory; `products` computes them, together
with the layer that they are on where that is a `frozen` linear one.
"""

from .addition import Delta, Joined, Share, StrengthError, added, put_on, scale_for, take_off
from .low_rank import Factors, Thin

__all__ = [
    "Delta",
    "Factors",
    "Joined",
    "Share",
    "StrengthError",
    "Thin",
    "added",
    "put_on",
    "scale_for",
    "take_off",
]
