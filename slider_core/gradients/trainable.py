"""Makes a loaded ComfyUI model fit for exact backward passes, for a while, and leaves it as it was.

ComfyUI executes nodes in inference mode, so the weights it loaded are inference tensors, which autograd cannot
save. Each is replaced by a normal tensor on the same storage while training lasts: no byte is copied, and
afterwards every module holds the very objects it held before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

import torch
from comfy import model_management
from comfy.model_patcher import ModelPatcher
from torch import Tensor, nn

from ..replaced import ABSENT, replaced
from .checkpointing import blocks, checkpointed, unpacking_layers
from .differentiable import differentiable, plain_layers
from .saved_tensors import SavedTensors


@contextmanager
def trainable(
    patcher: ModelPatcher,
    others: Sequence[ModelPatcher] = (),
    memory: float = 0,
    checkpointing: bool = False,
    saved: SavedTensors | None = None,
) -> Iterator[nn.Module]:
    """Loads `patcher` (and `others`: ControlNets), and yields its model, fit for forward and backward.

    The gradient of every computation inside is exact, on every model family. No weight of the models gets one.

    Args:
        memory: bytes to keep free for activations, so that ComfyUI offloads weights where needed.
        checkpointing: keep each block's inputs only and run it again in the backward pass, which must then be
            inside the same `attached` as the forward pass.
        saved: opened by the caller around each step (`saved.active()`), which is faster; else open all the time.
    """
    steps_are_marked, saved = saved is not None, saved or SavedTensors()
    with ExitStack() as stack:
        model_management.load_models_gpu([patcher, *others], memory_required=memory)
        settle_attention(patcher.load_device)
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(differentiable(saved.weights))
        for loaded in (patcher, *others):
            options = loaded.model_options.get("transformer_options", {})  # packs override attention by kernels
            stack.enter_context(
                replaced(options, "optimized_attention_override", ABSENT)
            )  # without a backward pass
            stack.enter_context(normal_tensors(loaded.model))
            stack.enter_context(frozen(loaded.model))
            stack.enter_context(plain_layers(loaded.model, saved.weights))
            run_again = blocks if checkpointing else unpacking_layers
            stack.enter_context(checkpointed(run_again(loaded.model), saved))
        patcher.pre_run()
        stack.callback(patcher.cleanup)
        if not steps_are_marked:
            stack.enter_context(saved.active())
        yield patcher.model


@cache
def settle_attention(device: torch.device) -> None:
    """In a process's first attention on a card, torch puts its own order of kernels before ComfyUI's, and a block that
    runs again would meet another kernel than in its first run."""
    if device.type == "cuda":
        few = torch.zeros(1, 1, 8, 64, device=device, dtype=torch.float16)
        torch.nn.functional.scaled_dot_product_attention(few, few, few)


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """While open, no parameter of `model` gets a gradient."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


@contextmanager
def normal_tensors(model: nn.Module) -> Iterator[None]:
    """Replaces the inference tensors that `model` holds by normal ones on their storage, and puts them back."""
    twins: dict[int, Tensor] = {}

    def twin(tensor: Tensor) -> Tensor:
        return tensor if _is_normal(tensor) else twins.setdefault(id(tensor), normal_twin(tensor))

    with ExitStack() as stack:
        stack.callback(_drop_graphs, model)
        for module in model.modules():
            holders: list[dict[str, Any]] = [module._parameters, module._buffers, module.__dict__]
            for holder in holders:
                for name, value in list(holder.items()):
                    stand_in = _mapped(value, twin)
                    if stand_in is not value:
                        holder[name] = stand_in
                        stack.callback(_put_back, holder, name, stand_in, value)
        yield


def _drop_graphs(model: nn.Module) -> None:
    """Some models note an activation on themselves in each call, which would hold the last step's graph."""
    for module in model.modules():
        for name, value in vars(module).items():
            if isinstance(value, Tensor) and value.grad_fn is not None:
                setattr(module, name, value.detach())


def _put_back(holder: dict[str, Any], name: str, stand_in: Any, original: Any) -> None:
    """Unless ComfyUI itself has put something else there meanwhile."""
    if holder.get(name) is stand_in:
        holder[name] = original


def normal_twin(tensor: Tensor) -> Tensor:
    """A normal tensor on the storage of an inference tensor, with the same attributes."""
    if hasattr(tensor, "__tensor_flatten__"):
        names, context = tensor.__tensor_flatten__()
        inner = {name: normal_twin(getattr(tensor, name)) for name in names}
        kind: Any = type(tensor)
        twin = kind.__tensor_unflatten__(inner, context, tensor.size(), tensor.stride())
    else:
        data = tensor.data
        twin = torch.empty(0, dtype=data.dtype, device=data.device)
        twin.set_(data.untyped_storage(), data.storage_offset(), data.size(), data.stride())
        if type(data) is not Tensor:
            twin = twin.as_subclass(type(data))
    if isinstance(tensor, nn.Parameter):
        twin = nn.Parameter(twin, requires_grad=False)
    twin.__dict__.update({k: v for k, v in vars(tensor).items() if k not in vars(twin)})
    return twin


def _is_normal(tensor: Tensor) -> bool:
    """Whether autograd can save it: also an inference tensor whose data was moved to a device later cannot be."""
    try:
        return not tensor.is_inference() and tensor._version >= 0
    except RuntimeError:  # "Inference tensors do not track version counter."
        return False


def normal(value: Any) -> Any:
    """`value` with its inference tensors cloned and those that carry gradients detached.

    Lists, tuples and dicts are followed, not changed.
    """
    return _mapped(value, _detached)


def _detached(tensor: Tensor) -> Tensor:
    plain = tensor if _is_normal(tensor) else tensor.clone()
    return plain.detach() if plain.requires_grad else plain


def _mapped(value: Any, made: Callable[[Tensor], Tensor]) -> Any:
    """`value` itself, or a copy where `made` gives another tensor for one in it."""
    if isinstance(value, Tensor):
        return made(value)
    if type(value) is dict:
        named = {key: _mapped(item, made) for key, item in value.items()}
        return named if any(named[key] is not value[key] for key in value) else value
    if type(value) in (list, tuple):
        items = [_mapped(item, made) for item in value]
        return type(value)(items) if any(a is not b for a, b in zip(items, value, strict=True)) else value
    return value
