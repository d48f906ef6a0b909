"""SimpleTuner's `multidatabackend.json` and `config.json`, as they are: buckets, settings, and a report."""

from .entry import DatasetError
from .reading import Dataset, read_config, read_dataset
from .training import training_settings

__all__ = [
    "Dataset",
    "DatasetError",
    "read_config",
    "read_dataset",
    "training_settings",
]
