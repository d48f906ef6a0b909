"""What every kind of adapter is: trainable tensors on one target, and what they add to its output."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import Tensor, nn

from ..architectures.target import Target


class AdapterError(ValueError):
    """An adapter cannot be made, or does not fit the layer or the tensors that it is given."""


@dataclass(frozen=True)
class Shape:
    """The shape of the weight rows that an adapter changes: [rows, columns, *kernel].

    Attributes:
        layer_rows: of the whole layer, of which `rows` may be a part.
    """

    rows: int
    columns: int
    kernel: tuple[int, ...]
    layer_rows: int

    @property
    def full(self) -> tuple[int, ...]:
        return (self.rows, self.columns, *self.kernel)

    @property
    def ones(self) -> tuple[int, ...]:
        """The kernel of a 1×1 convolution of as many dimensions; empty for a linear layer."""
        return (1,) * len(self.kernel)


@dataclass(frozen=True)
class AdapterConfig:
    """How to make an adapter for a target.

    Attributes:
        kind: a name in the registry of kinds: `lora`, `locon`, `loha`, `lokr`, `oft`, …, `full`.
        rank: rank on linear layers; `conv_rank` on convolutions with a kernel larger than 1 (None: as `rank`).
        alpha: the addition is scaled by alpha / rank; None means alpha = rank.
        options: what only this kind knows (`factor`, `rslora`, `dora`, …).
    """

    kind: str = "lora"
    rank: int = 4
    alpha: float | None = None
    conv_rank: int | None = None
    conv_alpha: float | None = None
    options: dict[str, Any] = field(default_factory=dict)


class Adapter(nn.Module):
    """Trainable tensors on one target. A new one adds exactly nothing, at any strength."""

    kind: ClassVar[str]
    rank: int

    def __init__(self, target: Target, shape: Shape, config: AdapterConfig):
        super().__init__()
        self.target, self.shape = target, shape
        self.rows: tuple[int, int] | None = target.rows

    def delta(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor) -> Tensor:
        """What the adapter adds to `y`, the layer's output at the target's rows, times `scale`.

        `scale` [batch, 1, …] has as many dimensions as `x`. Computed in the type of `x`, without building the
        full weight difference where the algebra allows; exactly 0 where `scale` is 0.
        """
        raise NotImplementedError

    def tensors(self) -> dict[str, Tensor]:
        """The adapter's tensors under the suffixes its file format uses (`lora_up.weight`, `alpha`, …)."""
        raise NotImplementedError

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Takes back what `tensors` gave, exactly."""
        raise NotImplementedError
