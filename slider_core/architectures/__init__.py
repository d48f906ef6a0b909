"""Which layers of a model a slider is trained on: a registry of model families, presets, names, reports."""

from .batch import batch_dims
from .network import TargetError
from .registry import all_families
from .report import lora_parameters, report
from .select import PRESETS, names_fault, select, select_by, select_targets, untrainable
from .selection import Selection
from .target import Target

__all__ = [
    "PRESETS",
    "Selection",
    "Target",
    "TargetError",
    "all_families",
    "batch_dims",
    "lora_parameters",
    "names_fault",
    "report",
    "select",
    "select_by",
    "select_targets",
    "untrainable",
]
