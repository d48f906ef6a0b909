"""What sliders add to the outputs of layers, and how many of them are added in few operations.

A delta is what one adapter, or one change of a LoRA file, adds to one layer (`Delta`). `addition` puts the deltas of a
layer on it as one forward hook; `low_rank` computes those that are a product of two thin matrices; `joint` casts the
matrices of all layers, and collects their gradients, in one piece of memory.
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
