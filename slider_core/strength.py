"""Strength is data: adapters are added to layers for the time of one model call, scaled row by row.

While `attached` is open, the forward of each target layer returns `y + strength[row] * a(x)`. Nothing is
replaced or patched, and nothing stays behind on the model afterwards.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from .architectures.quirks import kept_of_prompts
from .deltas.addition import Delta, Joined, Met, Share, StrengthError, added, put_on, scale_for, take_off
from .replaced import replaced

__all__ = ["Delta", "StrengthError", "added", "attached", "rows_of", "scale_for", "with_strength"]

# The option of a CONDITIONING entry that carries its strength: a number, a list (one a latent of the batch),
# or a dict of these by slider name, in which ANY stands for every other slider.
STRENGTH_KEY = "slider_strength"
ANY = "*"

Strength = float | Sequence[float] | Mapping[str, float | Sequence[float]]


def rows_of(given: Strength | None, slider: str, default: float, rows: int) -> list[float]:
    """The strength of each of `rows` rows that share one conditioning.

    Args:
        given: what the conditioning carries under `STRENGTH_KEY`, or None.
        slider: the name of the slider that asks.
        default: the slider's own strength, for a conditioning that says nothing of it.

    Raises:
        StrengthError: if a list of strengths does not fit the number of latents.
    """
    own = _own(given, slider, default)
    if isinstance(own, int | float):
        return [float(own)] * rows
    values = [float(value) for value in own]
    if not values or rows % len(values):
        raise StrengthError(
            f"{len(values)} strengths were given for a batch of {rows} latents. Give one strength, or as many "
            f"as there are latents."
        )
    return values * (rows // len(values)) if len(values) != rows else values


def constant(given: Strength | None, slider: str, default: float) -> float | None:
    """The one strength of all rows that share a conditioning; None if it gives a list. Arguments as of `rows_of`."""
    own = _own(given, slider, default)
    return float(own) if isinstance(own, int | float) else None


def _own(given: Strength | None, slider: str, default: float) -> float | Sequence[float]:
    if isinstance(given, Mapping):
        given = given.get(slider, given.get(ANY))
    return default if given is None else given


def with_strength(
    options: Mapping[str, Any], strength: float | Sequence[float], slider: str = ""
) -> dict[str, Any]:
    """The options of a CONDITIONING entry, with a strength for `slider`, or for every slider if it is "".

    Strengths for other sliders that the options carry already are kept.
    """
    given = options.get(STRENGTH_KEY, {})
    others = dict(given) if isinstance(given, Mapping) else {ANY: given}
    return {**options, STRENGTH_KEY: {**others, slider or ANY: strength}}


@contextmanager
def attached(
    model: nn.Module,
    deltas: Mapping[str, Sequence[Delta]],
    strength: Tensor,
    batch_dims: Mapping[str, int] | None = None,
    kept: Joined | None = None,
) -> Iterator[None]:
    """Adds adapters to the named layers of `model` while open.

    Args:
        model: any module; the names in `deltas` are submodule names of it.
        deltas: per layer name, its adapters, whose rows must not overlap.
        strength: one number per row of the batch of the model calls made meanwhile, shape [batch].
        batch_dims: the dimension that counts the rows in the input of layers where it is not the first.
        kept: what is made of low-rank deltas, for later calls with the same ones.

    Several may be open on one model, in any order: each adds to the base layer's output what it would add alone.
    Rows of strength 0 give the base model's output exactly; if all are 0, nothing is attached at all.
    """
    with ExitStack() as stack:
        if bool((strength != 0).any()):
            stack.enter_context(_prompts_made_anew(model))
            stack.enter_context(_uncompiled())
            met = Met()
            kept = kept or Joined()
            shares: list[Share] = []
            stack.callback(_take_off, shares)
            for name, of_layer in deltas.items():
                layer, dim = submodule(model, name), (batch_dims or {}).get(name, 0)
                share = Share(layer, of_layer, kept.at(name, layer, of_layer), strength, dim, met)
                put_on(layer, share)
                shares.append(share)
        yield


def _take_off(shares: list[Share]) -> None:
    for share in shares:
        take_off(share.layer, share)


def submodule(model: nn.Module, name: str) -> nn.Module:
    """As torch's `get_submodule`, in a tenth of its time: each call of a model asks for hundreds."""
    module: Any = model
    for step in name.split(".") if name else ():
        module = module._modules[step] if step in module._modules else getattr(module, step)
    return module


def _uncompiled() -> AbstractContextManager[Any]:
    """torch.compile does not see hooks come and go, and would run without them what it compiled without them."""
    if "torch._dynamo" not in sys.modules:  # nothing is compiled, and the import takes a second
        return nullcontext()
    return torch.compiler.set_stance("force_eager")


@contextmanager
def _prompts_made_anew(model: nn.Module) -> Iterator[None]:
    """What a model keeps of prompts for its next calls, which may have other adapters or strengths, is made anew."""
    network: Any = getattr(model, "diffusion_model", None)
    with ExitStack() as stack:
        for name in kept_of_prompts(network):
            stack.enter_context(replaced(network, name, []))
            stack.callback(network.register_forward_pre_hook(partial(_forget, name)).remove)
        yield


def _forget(name: str, network: nn.Module, _: tuple) -> None:
    setattr(network, name, [])
