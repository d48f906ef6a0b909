"""Training data: pictures, their captions, buckets by strength, and the cycle that draws from them."""

from .bucket import Bucket, Example
from .cycle import Cycle, CycleError, Draw, Turn
from .faults import PictureError
from .pairing import PairingError
from .pictures import Picture
from .plan import describe_cycle, notes_on_cycle
from .words import Words, WordsError, kept_values, phrases

__all__ = [
    "Bucket",
    "Cycle",
    "CycleError",
    "Draw",
    "Example",
    "PairingError",
    "Picture",
    "PictureError",
    "Turn",
    "Words",
    "WordsError",
    "describe_cycle",
    "kept_values",
    "notes_on_cycle",
    "phrases",
]
