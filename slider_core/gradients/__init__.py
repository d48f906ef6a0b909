"""Exact backward passes through ComfyUI's models, which leave no trace on them.

`trainable` opens all of it for a loaded model: `differentiable` replaces operations without a backward pass,
`saved_tensors` keeps what autograd saves from being overwritten, `cast_weights` has layers make their weights again
instead of keeping them, `checkpointing` has blocks run again and `reruns` checks that they do the same. `wrapped_calls`
opens ComfyUI's wrappers around the backward pass.
"""

from .checkpointing import checkpointed
from .reruns import RecomputeError
from .saved_tensors import OverwrittenError, SavedTensors
from .trainable import normal, trainable
from .wrapped_calls import WrappedCalls

__all__ = [
    "OverwrittenError",
    "RecomputeError",
    "SavedTensors",
    "WrappedCalls",
    "checkpointed",
    "normal",
    "trainable",
]
