"""Slider files: their keys, their metadata, and how they are written and read."""

from .native import SliderFileError, load_into, to_slider
from .slider import Slider
from .storage import load, save

__all__ = ["Slider", "SliderFileError", "load", "load_into", "save", "to_slider"]
