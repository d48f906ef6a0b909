"""The kinds of adapter, each on one target."""

from .base import Adapter, AdapterConfig, AdapterError
from .lycoris_config import lycoris_plan
from .lycoris_values import LycorisConfigError
from .registry import KINDS, Plan, make_adapters, uniform_plan

__all__ = [
    "KINDS",
    "Adapter",
    "AdapterConfig",
    "AdapterError",
    "LycorisConfigError",
    "Plan",
    "lycoris_plan",
    "make_adapters",
    "uniform_plan",
]
