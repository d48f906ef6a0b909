"""The kinds of adapter, each on one target.

Their computations are our own although PEFT and lycoris-lora have such: with theirs, rows of a batch cannot have
strengths of their own, convolutions in groups are lost, and LoHa builds the whole weight. How matrices are divided is
LyCORIS's own function, so that files agree; `tests/adapters/test_kinds.py` holds every kind against its modules, and
`tests/files/test_diffusers.py` has PEFT load what is written.
"""

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
