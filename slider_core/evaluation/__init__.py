"""How good a slider is: strength sweeps, what they show, and pictures of it.

`sweep` and what it needs import ComfyUI; the rest does not.
"""

from .prompts import Prompt, PromptLibraryError, parse_library
from .strengths import StrengthsError, parse_strengths, sweep_strengths

__all__ = [
    "Prompt",
    "PromptLibraryError",
    "StrengthsError",
    "parse_library",
    "parse_strengths",
    "sweep_strengths",
]
