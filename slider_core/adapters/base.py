"""What every kind of adapter is: trainable tensors on one target, and what they add to its output."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from weakref import ref

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..architectures.target import Target
from ..deltas import Thin
from ..layers import LayerError, Shape

RATES = frozenset({"dropout", "rank_dropout", "module_dropout"})
DROPOUTS = RATES | {"rank_dropout_scale"}
HIGHEST = 1e6  # alpha, and any other number of a LyCORIS config


class AdapterError(LayerError):
    """An adapter cannot be made, or does not fit the layer or the tensors that it is given."""


@dataclass(frozen=True)
class AdapterConfig:
    """How to make an adapter for a target.

    Attributes:
        kind: a name in the registry of kinds: `lora`, `locon`, `loha`, `lokr`, `oft`, …, `full`.
        rank: rank on linear layers; `conv_rank` on convolutions with a kernel larger than 1 (None: as `rank`).
        alpha: the addition is scaled by alpha / rank; None means alpha = rank.
        options: what only this kind knows (`factor`, `rslora`, `dora`, …), and the dropouts of LyCORIS.
    """

    kind: str = "lora"
    rank: int = 4
    alpha: float | None = None
    conv_rank: int | None = None
    conv_alpha: float | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises AdapterError for a number with which nothing is trained, or nothing but NaN."""
        for name in ("alpha", "conv_alpha"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= HIGHEST:
                raise AdapterError(f"{name} must be from 0 (as the rank) to {HIGHEST:g}; it is {value}.")
        for name, value in self.options.items():
            if name in RATES and not 0 <= value < 1:
                raise AdapterError(
                    f"{name} must be below 1, where nothing is left to train, and not below 0: {value}."
                )
            if isinstance(value, float) and not math.isfinite(value):
                raise AdapterError(f"{name} must be a finite number; it is {value}.")

    def rank_for(self, shape: Shape) -> int:
        return self.rank if shape.pointwise or self.conv_rank is None else self.conv_rank

    def alpha_for(self, shape: Shape) -> float:
        """Alpha, in float32 as files keep it; with option `rslora`, so that alpha / rank is alpha / √rank."""
        given = self.alpha if shape.pointwise or self.conv_alpha is None else self.conv_alpha
        rank = self.rank_for(shape)
        alpha = float(given or rank) * (math.sqrt(rank) if self.options.get("rslora") else 1.0)
        return float(torch.tensor(alpha, dtype=torch.float32))


def put(into: Tensor, given: Tensor) -> None:
    """Copies a tensor of a file, which may have other dimensions of size 1 but no other shape, into a parameter.

    Raises:
        AdapterError: for another shape.
    """
    if [n for n in given.shape if n != 1] != [n for n in into.shape if n != 1]:
        raise AdapterError(
            f"a tensor of shape {tuple(given.shape)} where one of {tuple(into.shape)} is trained"
        )
    with torch.no_grad():
        into.copy_(given.reshape(into.shape))


class Adapter(nn.Module):
    """Trainable tensors on one target. A new one adds exactly nothing, at any strength.

    Subclasses say what they add (`addition`) and what their tensors are called in a file (`tensors`, `load`).

    Attributes:
        OPTIONS: the options that the kind takes, beside the dropouts.
        GROUPS: whether it works on convolutions in groups.
        MERGES: whether a file can have those on rows of one weight as one on the whole weight.
        part_name: ComfyUI's LoRA name for the target's rows, where it has one.
    """

    kind: ClassVar[str]
    OPTIONS: ClassVar[frozenset[str]] = frozenset()
    GROUPS: ClassVar[bool] = True
    MERGES: ClassVar[bool] = False

    rank: int = 0
    alpha: float = 0.0
    part_name: str = ""

    def __init__(self, target: Target, shape: Shape, config: AdapterConfig):
        super().__init__()
        self.target, self.shape = target, shape
        self.rows: tuple[int, int] | None = target.rows
        self._layer: Callable[[], nn.Module | None] = lambda: None
        options = config.options
        self.dropout = float(options.get("dropout", 0.0))
        self.rank_dropout = float(options.get("rank_dropout", 0.0))
        self.rank_dropout_scale = bool(options.get("rank_dropout_scale", False))
        self.module_dropout = float(options.get("module_dropout", 0.0))

    @property
    def layer(self) -> nn.Module:
        """The layer it was made for; held weakly, an adapter does not keep a model in memory."""
        layer = self._layer()
        if layer is None:
            raise AdapterError(f"the model of the adapter on {self.target.layer!r} is gone.")
        return layer

    def made_for(self, layer: nn.Module) -> None:
        """Keeps the layer; kinds that start from its weight keep what they need of it."""
        self._layer = ref(layer)

    def delta(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor) -> Tensor:
        """What the adapter adds to `y`, the layer's output at the target's rows, times `scale`.

        `scale` [batch, 1, …] has as many dimensions as `x`. Computed in the type of `x`, without building the
        full weight difference where the algebra allows; exactly 0 where `scale` is 0. While the adapter is in
        training mode, its dropouts are active.
        """
        addition = self.addition(x, y, layer, scale.to(x.dtype))
        if self.training and self.dropout:
            addition = F.dropout(addition, self.dropout)
        if self.training and self.module_dropout and torch.rand(()) < self.module_dropout:
            addition = addition * 0
        return addition

    def thin(self, layer: nn.Module) -> Thin | None:
        """The two matrices whose product the addition is, if that is all it does now; else None."""
        return None

    @property
    def drops(self) -> bool:
        """Whether a dropout is active."""
        return self.training and bool(self.dropout or self.rank_dropout or self.module_dropout)

    def addition(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor) -> Tensor:
        """`delta`, without the dropouts that are the same for every kind."""
        raise NotImplementedError

    def mask(self, size: int, like: Tensor) -> Tensor | None:
        """While training with rank dropout: which of `size` ranks or rows take part, [size], else None."""
        if not (self.training and self.rank_dropout):
            return None
        kept = (torch.rand(size) > self.rank_dropout).float()
        if self.rank_dropout_scale:
            kept = kept / kept.mean().clamp(min=1 / size)
        return kept.to(like.device, like.dtype)

    def tensors(self) -> dict[str, Tensor]:
        """The adapter's tensors under the suffixes its file format uses (`lora_up.weight`, `alpha`, …)."""
        raise NotImplementedError

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Takes back what `tensors` or `for_comfyui` gave."""
        raise NotImplementedError

    @property
    def takes(self) -> set[str]:
        """The suffixes of the tensors that `load` makes something of."""
        return {*self.tensors(), "alpha"}

    def for_comfyui(self) -> dict[str, Tensor]:
        """Tensors with which ComfyUI's own loader makes this very change to the weight, at any strength.

        `tensors` for the kinds that it reads correctly; else with them, or instead of them, an equivalent.
        """
        return self.tensors()
