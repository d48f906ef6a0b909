"""Makes a loaded ComfyUI model fit for backward passes, for a while, and leaves it as it was.

ComfyUI executes nodes in inference mode, so the weights it loaded are inference tensors, which autograd cannot
save. Each is replaced by a normal tensor on the same storage while training lasts: no byte is copied, and
afterwards every module holds the very objects it held before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from comfy import model_management
from comfy.model_patcher import ModelPatcher
from torch import Tensor, nn


@contextmanager
def trainable(
    patcher: ModelPatcher, others: Sequence[ModelPatcher] = (), memory: float = 0
) -> Iterator[nn.Module]:
    """Loads `patcher` (and `others`: ControlNets), and yields its model, fit for forward and backward.

    Args:
        memory: bytes to keep free for activations, so that ComfyUI offloads weights where needed.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        model_management.load_models_gpu([patcher, *others], memory_required=memory)
        for loaded in (patcher, *others):
            stack.enter_context(normal_tensors(loaded.model))
        patcher.pre_run()
        stack.callback(patcher.cleanup)
        yield patcher.model


@contextmanager
def normal_tensors(model: nn.Module) -> Iterator[None]:
    """Replaces the inference tensors that `model` holds by normal ones on their storage, and puts them back."""
    with ExitStack() as stack:
        for module in model.modules():
            holders: list[dict[str, Any]] = [module._parameters, module._buffers, module.__dict__]
            for holder in holders:
                for name, tensor in list(holder.items()):
                    if isinstance(tensor, Tensor) and tensor.is_inference():
                        stand_in = normal_twin(tensor)
                        holder[name] = stand_in
                        stack.callback(_put_back, holder, name, stand_in, tensor)
        yield


def _put_back(holder: dict[str, Any], name: str, stand_in: Tensor, original: Tensor) -> None:
    """Unless ComfyUI itself has put another tensor there meanwhile."""
    if holder.get(name) is stand_in:
        holder[name] = original


def normal_twin(tensor: Tensor) -> Tensor:
    """A normal tensor on the storage of an inference tensor; of a tensor subclass, a clone."""
    data = tensor.data
    if type(data) is not Tensor:
        return tensor.clone()
    twin = torch.empty(0, dtype=data.dtype, device=data.device)
    twin.set_(data.untyped_storage(), data.storage_offset(), data.shape, data.stride())
    return nn.Parameter(twin, requires_grad=False) if isinstance(tensor, nn.Parameter) else twin


def normal(value: Any) -> Any:
    """`value` with every inference tensor in it cloned; lists, tuples and dicts are followed, not changed."""
    if isinstance(value, Tensor):
        return value.clone() if value.is_inference() else value
    if isinstance(value, dict):
        return {key: normal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [normal(item) for item in value]
    return value
