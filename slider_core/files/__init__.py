"""Slider files: their keys, their metadata, and how they are written and read."""

from .errors import SliderFileError
from .formats import FORMATS, convert
from .metadata import SliderFacts, describe, read_facts, usable_range
from .native import load_into, to_slider
from .notes import notes_on
from .slider import Slider
from .sound import incomplete, sound
from .storage import load, save

__all__ = [
    "FORMATS",
    "Slider",
    "SliderFacts",
    "SliderFileError",
    "convert",
    "describe",
    "incomplete",
    "load",
    "load_into",
    "notes_on",
    "read_facts",
    "save",
    "sound",
    "to_slider",
    "usable_range",
]
