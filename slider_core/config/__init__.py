"""Config files: what to train without a page, in the words of the nodes' widgets."""

from .keys import OutputSettings
from .plan import BucketPlan, Config, ModelPlan, NodeCall, SliderPlan, SweepPlan
from .reading import ConfigError
from .sliders import ComfyFolders, read_config

__all__ = [
    "BucketPlan",
    "Config",
    "ConfigError",
    "ModelPlan",
    "NodeCall",
    "OutputSettings",
    "ComfyFolders",
    "SliderPlan",
    "SweepPlan",
    "read_config",
]
