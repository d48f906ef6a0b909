"""The kinds of adapter, each on one target."""

from .base import Adapter, AdapterConfig, AdapterError
from .registry import KINDS, Plan, make_adapters, uniform_plan

__all__ = ["KINDS", "Adapter", "AdapterConfig", "AdapterError", "Plan", "make_adapters", "uniform_plan"]
