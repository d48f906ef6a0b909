"""Config files: what to train without a page, in the words of the nodes' widgets."""

from .keys import OutputSettings
from .plan import BucketPlan, Config, DatasetPlan, ModelPlan, NodeCall, SliderPlan, SweepPlan
from .reading import ConfigError
from .sliders import Places, read_config

__all__ = [
    "BucketPlan",
    "Config",
    "ConfigError",
    "DatasetPlan",
    "ModelPlan",
    "NodeCall",
    "OutputSettings",
    "Places",
    "SliderPlan",
    "SweepPlan",
    "read_config",
]
