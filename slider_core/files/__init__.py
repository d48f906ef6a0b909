"""Slider files: their keys, their metadata, and how they are written and read."""

from .errors import SliderFileError
from .formats import FORMATS, convert
from .metadata import SliderFacts, describe, read_facts, usable_range
from .native import load_into, to_slider
from .notes import WARNING, notes_on, notes_on_fit, notes_on_text
from .slider import Slider
from .sound import sound
from .storage import load, load_metadata, save

__all__ = [
    "FORMATS",
    "WARNING",
    "Slider",
    "SliderFacts",
    "SliderFileError",
    "convert",
    "describe",
    "load",
    "load_into",
    "load_metadata",
    "notes_on",
    "notes_on_fit",
    "notes_on_text",
    "read_facts",
    "save",
    "sound",
    "to_slider",
    "usable_range",
]
