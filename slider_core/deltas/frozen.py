"""Frozen linear layers, wherever and in whatever type ComfyUI keeps their weight: forward, and back to their input."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn


def is_frozen_linear(layer: nn.Module) -> bool:
    """Whether its forward is known to be its weight times the input plus its bias, without a gradient for either.

    ComfyUI may keep the weight elsewhere or in another type, or patch it where it is cast.
    """
    parameters = layer._parameters.values()
    frozen = not any(p is not None and p.requires_grad for p in parameters)
    kind: Any = type(layer)
    return frozen and "forward" not in vars(layer) and _is_linear(kind)


@cache
def _is_linear(kind: Any) -> bool:
    if not hasattr(kind, "comfy_cast_weights"):
        return bool(kind.forward is nn.Linear.forward)
    from comfy.ops import disable_weight_init

    own: Any = disable_weight_init.Linear
    return all(getattr(kind, name) is getattr(own, name) for name in ("forward", "forward_comfy_cast_weights"))


def through(layer: Any, x: Tensor, into: Tensor | None = None) -> Tensor:
    """What a frozen linear layer makes of vectors [n, columns]: [n, rows], in `into` where that is given."""
    if into is None:
        made: Tensor = type(layer).forward(layer, x)
        return made

    def multiply(weight: Tensor, bias: Tensor | None) -> Tensor:
        return torch.mm(x, weight.t(), out=into) if bias is None else torch.addmm(bias, x, weight.t(), out=into)

    return _with_weight(layer, x, multiply)


def back_through(layer: Any, gradient: Tensor, onto: Tensor | None) -> Tensor:
    """The gradient [n, columns] for the input of a frozen linear layer, of that of its output [n, rows].

    Args:
        onto: what it is added to, in place; None for nothing.
    """
    return _with_weight(
        layer,
        gradient,
        lambda weight, _: torch.mm(gradient, weight) if onto is None else onto.addmm_(gradient, weight),
    )


def _with_weight(layer: Any, like: Tensor, use: Callable[[Tensor, Tensor | None], Tensor]) -> Tensor:
    """What `use` makes of weight and bias of a linear layer of torch or ComfyUI, as its forward has them."""
    if not any(getattr(layer, why, None) for why in ("comfy_cast_weights", "weight_function", "bias_function")):
        return use(layer.weight, layer.bias)
    from comfy import ops

    weight, bias, stream = ops.cast_bias_weight(layer, like, offloadable=True)
    made = use(weight, bias)
    ops.uncast_bias_weight(layer, weight, bias, stream)
    return made
