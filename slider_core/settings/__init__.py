"""Every setting of the pack, once: its name, default, values and meaning.

Nodes and config files take them from here; the rest of the core takes its lists of choices from here.
"""

from .data import BucketSettings, CycleSettings, PairSettings
from .files import SaveSettings
from .numbers import NumberSettings
from .setting import (
    Choice,
    Real,
    Setting,
    Settings,
    SettingsError,
    Switch,
    Text,
    Whole,
    default_of,
    faults,
    nearest,
    settings_of,
)
from .sweep import ShownSweepSettings, SweepSettings
from .taken import taken
from .targets import TargetSettings
from .training import LoopSettings, TrainSettings
from .words import WordsSettings

__all__ = [
    "BucketSettings",
    "Choice",
    "CycleSettings",
    "LoopSettings",
    "NumberSettings",
    "PairSettings",
    "Real",
    "SaveSettings",
    "Setting",
    "Settings",
    "SettingsError",
    "ShownSweepSettings",
    "SweepSettings",
    "Switch",
    "TargetSettings",
    "Text",
    "TrainSettings",
    "Whole",
    "WordsSettings",
    "default_of",
    "faults",
    "nearest",
    "settings_of",
    "taken",
]
