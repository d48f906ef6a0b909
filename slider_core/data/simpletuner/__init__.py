"""SimpleTuner's `multidatabackend.json` and `config.json`, as they are: buckets, settings, and a report."""

from .chain import Chain, encoded_chain
from .entry import DatasetError
from .reading import Dataset, read_config, read_dataset
from .training import training_settings

__all__ = [
    "Chain",
    "Dataset",
    "DatasetError",
    "encoded_chain",
    "read_config",
    "read_dataset",
    "training_settings",
]
