"""What is added to one layer's output: deltas, scaled for each row of the batch, on top of the base layer alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ..layers import channel_dim, size_of
from . import products
from .frozen import is_frozen_linear
from .joint import Joint, LowRank
from .low_rank import Thin


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


def added(
    layer: nn.Module,
    x: Tensor,
    y: Tensor,
    deltas: Sequence[Delta],
    scale: Tensor,
    onto: Tensor | None = None,
) -> Tensor:
    """`y` with every delta of this layer added; those on rows of a fused weight in a single addition.

    Args:
        onto: what is added to, if not `y`, the base layer's output, itself.
    """
    dim = channel_dim(layer)
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
    total = y if onto is None else onto
    for addition in additions:
        total = total + addition.to(y.dtype)
    return total


class Joined:
    """The low-rank deltas of each layer as one, made once for all calls with the same deltas."""

    def __init__(self) -> None:
        self._joint = Joint()
        self._layers: dict[str, tuple[LowRank | None, float]] = {}

    def at(self, name: str, layer: nn.Module, deltas: Sequence[Delta]) -> tuple[LowRank | None, float]:
        """The deltas of a layer as one, with their ratio, if all are low-rank and have the same."""
        if name not in self._layers:
            self._layers[name] = self._as_one(name, layer, deltas)
        return self._layers[name]

    def sources(self, like: Tensor) -> list[Tensor]:
        """The matrices of all layers met so far, in the order in which `refresh` has them as one piece."""
        return [tensor for _, tensor in self._joint.sources(like)]

    def refresh(self) -> None:
        """To be called where the deltas have changed."""
        self._joint.refresh()

    def _as_one(self, name: str, layer: nn.Module, deltas: Sequence[Delta]) -> tuple[LowRank | None, float]:
        found = [getattr(delta, "thin", lambda layer: None)(layer) for delta in deltas]
        thin: list[Thin] = [of_delta for of_delta in found if of_delta is not None]
        if len(thin) < len(deltas) or len({of_delta.ratio for of_delta in thin}) != 1:
            return None, 1.0
        parts = [(delta.rows, of_delta.factors) for delta, of_delta in zip(deltas, thin, strict=True)]
        ratio = thin[0].ratio
        whole = [delta.rows for delta in deltas] == [None]
        return LowRank(self._joint, parts, _kin(name, layer, ratio) if whole else None), ratio


def _kin(name: str, layer: nn.Module, ratio: float) -> object:
    """What layers have in common that can be computed together: q, k and v of one attention on a single input."""
    parent, _, own = name.rpartition(".")
    by_name = re.fullmatch(r"(to_|w)?[qkv](_proj)?", own) and not re.search("cross|attn2", parent)
    return (parent, size_of(layer), ratio) if by_name else None


class Met:
    """What is kept of inputs while one `attached` is open.

    Attributes:
        scales: `scale_for` of them, by their forms.
    """

    def __init__(self) -> None:
        self.scales: dict[tuple, Tensor] = {}
        self.kin = products.Kin()


class Share:
    """What one `attached` adds to one layer.

    Args:
        joined: the deltas as one, and their ratio, as of `Joined`.
        met: what is kept of the inputs met so far, for all layers of the same `attached`.
    """

    def __init__(
        self,
        layer: nn.Module,
        deltas: Sequence[Delta],
        joined: tuple[LowRank | None, float],
        strength: Tensor,
        batch_dim: int,
        met: Met,
    ):
        self.layer, self.deltas, (self.low_rank, self.ratio) = layer, deltas, joined
        self.strength, self.batch_dim, self.met = strength, batch_dim, met

    def added(self, layer: nn.Module, x: Tensor, y: Tensor, onto: Tensor) -> Tensor:
        """`onto`, to which this is added as to `y`, the base layer's output for `x`."""
        if self.low_rank is None or x.dtype != y.dtype:
            return added(layer, x, y, self.deltas, self._scale(x, 1.0), onto)
        return products.added(self.low_rank, x, onto, self._scale_of_each(x))

    def __call__(self, x: Tensor) -> Tensor:
        """What the layer makes of `x`, with this."""
        layer, low_rank = self.layer, self.low_rank
        in_one_type = not torch.is_autocast_enabled(x.device.type)
        if low_rank is not None and torch.is_grad_enabled() and in_one_type:
            return self.met.kin.through(low_rank, x, self._scale_of_each(x))
        y = type(layer).forward(layer, x)
        return self.added(layer, x, y, y)

    def _scale(self, x: Tensor, ratio: float) -> Tensor:
        form = (x.shape[self.batch_dim], self.batch_dim, x.ndim, x.device, x.dtype, ratio)
        if form not in self.met.scales:
            self.met.scales[form] = scale_for(x, self.strength, self.batch_dim) * ratio
        return self.met.scales[form]

    def _scale_of_each(self, x: Tensor) -> Tensor:
        """The scale of each of the vectors in `x`, [n, 1]."""
        form = (x.shape[:-1], self.batch_dim, x.device, x.dtype, self.ratio)
        if form not in self.met.scales:
            scale = self._scale(x, self.ratio)
            self.met.scales[form] = scale.expand(*x.shape[:-1], 1).reshape(-1, 1)
        return self.met.scales[form]


HOOK: Any = "concept sliders"
"""The key of `Sum` among a layer's forward hooks. Torch's own way there costs more than a layer's arithmetic."""


class Sum(list[Share]):
    """The forward hook of a layer: every share is computed from the base layer's own output."""

    def __call__(self, layer: nn.Module, args: tuple, y: Tensor) -> Tensor:
        total = y
        for share in self:
            total = share.added(layer, args[0], y, total)
        return total


def put_on(layer: nn.Module, share: Share) -> None:
    """Adds a share to a layer: the only one as its forward, in fewer operations, where that is possible."""
    own: Any = vars(layer)
    hooks: Any = layer._forward_hooks
    before, low_rank = own.get("forward"), share.low_rank
    if low_rank is not None and HOOK not in hooks and is_frozen_linear(layer):
        own["forward"] = share
        share.met.kin.add(low_rank, layer)
        return
    if isinstance(before, Share):
        take_off(layer, before)
    shares = hooks.setdefault(HOOK, Sum([before] if isinstance(before, Share) else []))
    shares.append(share)


def take_off(layer: nn.Module, share: Share) -> None:
    """The layer is without this share again."""
    own: Any = vars(layer)
    if own.get("forward") is share and share.low_rank is not None:
        del own["forward"]
        share.met.kin.remove(share.low_rank)
        return
    shares: Any = layer._forward_hooks[HOOK]
    shares.remove(share)
    if not shares:
        del layer._forward_hooks[HOOK]
