"""Strength is data: adapters are added to layers for the time of one model call, scaled row by row.

While `attached` is open, the forward of each target layer returns `y + strength[row] * a(x)`. Nothing is
replaced or patched, and nothing stays behind on the model afterwards (DESIGN, section 4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from .low_rank import Joint, LowRank, Thin

# The option of a CONDITIONING entry that carries its strength: a number, a list (one a latent of the batch),
# or a dict of these by slider name, in which ANY stands for every other slider.
STRENGTH_KEY = "slider_strength"
ANY = "*"

Strength = float | Sequence[float] | Mapping[str, float | Sequence[float]]


class StrengthError(ValueError):
    """The strengths given do not fit the batch they are meant for."""


class Delta(Protocol):
    """What one adapter adds to one layer, or to the output rows `rows` of a layer with fused weights.

    One that may be a product of two thin matrices has a method `thin(layer)` that gives them (see `low_rank.Thin`), or
    None where its addition to this layer is more than that.
    """

    rows: tuple[int, int] | None

    def delta(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor) -> Tensor:
        """The addition to `y[rows]`, scaled.

        Args:
            x: the layer's input, batch first.
            y: the base layer's output for `x`, at the adapter's rows.
            layer: the base layer, frozen.
            scale: strength of each row of the batch, shaped to broadcast over `x` and `y`.
        """
        ...


def scale_for(x: Tensor, strength: Tensor, batch_dim: int = 0) -> Tensor:
    """`strength` [batch] shaped to broadcast over `x`, whose batch dimension may fold frames or windows in.

    Raises:
        StrengthError: if the rows of `x` are no multiple of the number of strengths.
    """
    rows, given = x.shape[batch_dim], strength.shape[0]
    if given != 1 and rows % given:
        if not bool((strength == strength[0]).all()):
            raise StrengthError(
                f"a layer got {rows} rows for a batch of {given} with different strengths, so which row has "
                f"which strength is unknown. Use one strength for the whole batch with this model."
            )
        strength, given = strength[:1], 1
    per_row = strength.repeat_interleave(rows // given)
    shape = [1] * x.ndim
    shape[batch_dim] = rows
    return per_row.to(x.device, x.dtype).reshape(shape)


def rows_of(given: Strength | None, slider: str, default: float, rows: int) -> list[float]:
    """The strength of each of `rows` rows that share one conditioning.

    Args:
        given: what the conditioning carries under `STRENGTH_KEY`, or None.
        slider: the name of the slider that asks.
        default: the slider's own strength, for a conditioning that says nothing of it.

    Raises:
        StrengthError: if a list of strengths does not fit the number of latents.
    """
    if isinstance(given, Mapping):
        given = given.get(slider, given.get(ANY))
    if given is None:
        given = default
    if isinstance(given, int | float):
        return [float(given)] * rows
    values = [float(value) for value in given]
    if not values or rows % len(values):
        raise StrengthError(
            f"{len(values)} strengths were given for a batch of {rows} latents. Give one strength, or as many "
            f"as there are latents."
        )
    return values * (rows // len(values)) if len(values) != rows else values


def with_strength(
    options: Mapping[str, Any], strength: float | Sequence[float], slider: str = ""
) -> dict[str, Any]:
    """The options of a CONDITIONING entry, with a strength for `slider`, or for every slider if it is "".

    Strengths for other sliders that the options carry already are kept.
    """
    given = options.get(STRENGTH_KEY, {})
    others = dict(given) if isinstance(given, Mapping) else {ANY: given}
    return {**options, STRENGTH_KEY: {**others, slider or ANY: strength}}


def channel_dim(layer: nn.Module, y: Tensor) -> int:
    """The dimension of `y` that a row of the layer's weight writes to: 1 for convolutions, else the last."""
    return 1 if hasattr(layer, "kernel_size") else y.ndim - 1


def added(layer: nn.Module, x: Tensor, y: Tensor, deltas: Sequence[Delta], scale: Tensor) -> Tensor:
    """`y` with every delta of this layer added; those on rows of a fused weight in a single addition."""
    dim = channel_dim(layer, y)
    additions = [d.delta(x, y, layer, scale) for d in deltas if d.rows is None]
    on_rows = sorted(((d.rows, d) for d in deltas if d.rows is not None), key=lambda pair: pair[0])
    if on_rows:
        pieces, position = [], 0
        for (start, stop), d in on_rows:
            pieces.append(torch.zeros_like(y.narrow(dim, position, start - position)))
            pieces.append(d.delta(x, y.narrow(dim, start, stop - start), layer, scale).to(y.dtype))
            position = stop
        pieces.append(torch.zeros_like(y.narrow(dim, position, y.shape[dim] - position)))
        additions.append(torch.cat([piece for piece in pieces if piece.shape[dim]], dim))
    for addition in additions:
        y = y + addition.to(y.dtype)
    return y


@contextmanager
def attached(
    model: nn.Module,
    deltas: Mapping[str, Sequence[Delta]],
    strength: Tensor,
    batch_dims: Mapping[str, int] | None = None,
) -> Iterator[None]:
    """Adds adapters to the named layers of `model` while open.

    Args:
        model: any module; the names in `deltas` are submodule names of it.
        deltas: per layer name, its adapters, whose rows must not overlap.
        strength: one number per row of the batch of the model calls made meanwhile, shape [batch].
        batch_dims: the dimension that counts the rows in the input of layers where it is not the first.

    Rows of strength 0 give the base model's output exactly; if all are 0, nothing is attached at all.
    """
    with ExitStack() as stack:
        if bool((strength != 0).any()):
            stack.enter_context(_prompts_made_anew(model))
            scales: dict[tuple, Tensor] = {}
            joint = Joint()
            for name, of_layer in deltas.items():
                layer = model.get_submodule(name)
                hook = _hook(layer, of_layer, strength, (batch_dims or {}).get(name, 0), scales, joint)
                stack.callback(layer.register_forward_hook(hook).remove)
        yield


@contextmanager
def _prompts_made_anew(model: nn.Module) -> Iterator[None]:
    """HiDream-O1 keeps a prompt's keys and values for its next calls, which may have other adapters or strengths."""
    network: Any = getattr(model, "diffusion_model", None)
    kept = getattr(network, "_kv_cache_entries", None)
    if kept is None:
        yield
        return

    def forget(*_: Any) -> None:
        network._kv_cache_entries = []

    hook = network.register_forward_pre_hook(forget)
    try:
        yield
    finally:
        hook.remove()
        network._kv_cache_entries = kept


def _hook(
    layer: nn.Module, deltas: Sequence[Delta], strength: Tensor, batch_dim: int, scales: dict, joint: Joint
) -> Callable[..., Tensor]:
    low_rank, ratio = _as_one(layer, deltas, joint)

    def scale_of(x: Tensor, ratio: float) -> Tensor:
        form = (x.shape[batch_dim], batch_dim, x.ndim, x.device, x.dtype, ratio)
        if form not in scales:
            scales[form] = scale_for(x, strength, batch_dim) * ratio
        return scales[form]

    def hook(layer: nn.Module, args: tuple, y: Tensor) -> Tensor:
        x = args[0]
        if low_rank is None or x.dtype != y.dtype:
            return added(layer, x, y, deltas, scale_of(x, 1.0))
        return low_rank.added(x, y, scale_of(x, ratio))

    return hook


def _as_one(layer: nn.Module, deltas: Sequence[Delta], joint: Joint) -> tuple[LowRank | None, float]:
    """The deltas of a layer as one, with their ratio, if all are low-rank and have the same."""
    found = [getattr(delta, "thin", lambda layer: None)(layer) for delta in deltas]
    thin: list[Thin] = [of_delta for of_delta in found if of_delta is not None]
    if len(thin) < len(deltas) or len({of_delta.ratio for of_delta in thin}) != 1:
        return None, 1.0
    parts = [(delta.rows, of_delta.factors) for delta, of_delta in zip(deltas, thin, strict=True)]
    return LowRank(joint, parts), thin[0].ratio
