"""What ComfyUI computes by operations without a backward pass, replaced by plain torch while training lasts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any

import comfy_kitchen
from comfy import model_management, model_prefetch, ops
from comfy.controlnet import ControlBase
from comfy.ldm.modules import attention
from comfy_kitchen.backends import eager
from torch import nn

from ..replaced import replaced
from .cast_weights import CastWeights

# Fused rotary embeddings and norms: the same names in comfy_kitchen and in its plain-torch backend.
FUSED = ("apply_rope", "rms_rope", "adaln", "rms_adaln")

# xformers has a backward pass; sage, flash (as ComfyUI wraps it), sub-quadratic and split attention have none or
# an inexact one.
WITH_BACKWARD = (attention.attention_pytorch, attention.attention_basic, attention.attention_xformers)


@contextmanager
def differentiable(weights: CastWeights) -> Iterator[None]:
    """While open, every operation of ComfyUI's models has an exact gradient."""
    with ExitStack() as stack:
        for holder, name, value in _replacements(weights):
            stack.enter_context(replaced(holder, name, value))
        yield


def _replacements(weights: CastWeights) -> Iterator[tuple[Any, str, Any]]:
    yield model_management, "in_training", True
    yield ops, "cast_bias_weight", weights.wrapped(ops.cast_bias_weight)
    yield (
        model_prefetch,
        "make_prefetch_queue",
        lambda *args, **kwargs: None,
    )  # blocks that run again fetch themselves
    yield ops, "fp8_linear", lambda layer, x: None  # the layer then computes with its weight cast to x's type
    yield ControlBase, "control_merge", _merging_copies(ControlBase.control_merge)
    for name in comfy_kitchen.__all__:
        if name.startswith(FUSED) and hasattr(eager, name):
            yield comfy_kitchen, name, getattr(eager, name)
    for module, name in _attention_names():
        yield module, name, attention.attention_pytorch


def _merging_copies(merge: Any) -> Any:
    """ControlBase.control_merge scales what a ControlNet returns in place, which may be a view that autograd guards."""

    def control_merge(self: ControlBase, control: dict, control_prev: dict | None, output_dtype: Any) -> dict:
        copies = {id(x): x.clone() for made in control.values() for x in made if x is not None}
        control = {key: [copies.get(id(x)) for x in made] for key, made in control.items()}
        return merge(self, control, control_prev, output_dtype)

    return control_merge


def _attention_names() -> Iterator[tuple[ModuleType, str]]:
    """Where ComfyUI's code has the attention function that it chose at start, if that has no backward pass."""
    chosen = attention.optimized_attention
    if chosen in WITH_BACKWARD:
        return
    for key, module in list(sys.modules.items()):
        if key.startswith("comfy."):
            for name, value in list(vars(module).items()):
                if value is chosen and name.startswith("optimized_attention"):
                    yield module, name


@contextmanager
def plain_layers(model: nn.Module, weights: CastWeights) -> Iterator[None]:
    """While open, quantised layers of `model` compute with their weight dequantised, by operations with a gradient."""
    with ExitStack() as stack:
        for layer in model.modules():
            if getattr(layer, "layout_type", None) is not None:
                stack.enter_context(replaced(layer, "comfy_force_cast_weights", True))
            cast = getattr(type(layer), "cast_bias_weight", None)  # GGUF packs have one of their own
            if callable(cast):
                stack.enter_context(replaced(layer, "cast_bias_weight", _bound(weights, cast, layer)))
        yield


def _bound(weights: CastWeights, cast: Any, layer: nn.Module) -> Any:
    wrapped = weights.wrapped(cast)
    return lambda *args, **kwargs: wrapped(layer, *args, **kwargs)
