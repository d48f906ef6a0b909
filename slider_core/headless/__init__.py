"""Training without a page: models loaded from files, many sliders one after the other, progress for a terminal."""

from .cancel import Cancel
from .dry_run import dry_run
from .models import Loaded, load_models
from .sliders import Outcome, train_all
from .table import table_of

__all__ = ["Cancel", "Loaded", "Outcome", "dry_run", "load_models", "table_of", "train_all"]
