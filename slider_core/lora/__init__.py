"""Any LoRA file as deltas of a model's layers, so that each row of a batch can have its own strength.

`reading` takes a file apart by ComfyUI's own key map and loader; `readers` has one reader for each kind of change that
the loader knows; `changes` is what they make: a delta that can also be a patch of the weight; `magnitudes` are the
changes with DoRA's magnitudes.
"""

from .changes import ParameterDelta, WeightChange, change_in
from .reading import deltas_for

__all__ = ["ParameterDelta", "WeightChange", "change_in", "deltas_for"]
