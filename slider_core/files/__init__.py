"""Slider files: their keys, their metadata, and how they are written and read."""

from .errors import SliderFileError
from .formats import FORMATS, convert
from .native import load_into, to_slider
from .slider import Slider
from .storage import load, save

__all__ = ["FORMATS", "Slider", "SliderFileError", "convert", "load", "load_into", "save", "to_slider"]
