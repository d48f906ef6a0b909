"""DoRA: an adapter changes the direction of each row of the weight, a vector of magnitudes its length (arXiv
2402.09353).

LyCORIS has it for LoHa and LoKr too, as `dora_wd`.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..architectures.target import Target
from ..deltas.low_rank import Thin
from ..layers import Shape, along_channels, base_weight, is_conv, magnitudes, weight_rows, without_bias
from .base import Adapter, AdapterConfig, AdapterError
from .loha import Loha
from .lokr import Lokr
from .lora import Lora


class Decomposed(Adapter):
    """W' = m · (W + ΔW) / |W + ΔW|, row by row, as PEFT does it: no gradient through the norm.

    At strength s the weight is W + s · (W' − W). Stands before the kind whose ΔW it takes.
    """

    def __init__(self, target: Target, shape: Shape, config: AdapterConfig):
        super().__init__(target, shape, config)
        self.magnitude = nn.Parameter(torch.zeros(shape.rows))
        self.base_norm: Tensor
        self.register_buffer("base_norm", torch.zeros(shape.rows))

    def made_for(self, layer: nn.Module) -> None:
        """Takes the magnitudes of the layer's rows, so that the new adapter adds nothing."""
        super().made_for(layer)
        norms = magnitudes(weight_rows(layer, self.rows))
        with torch.no_grad():
            self.magnitude.copy_(norms)
            self.base_norm.copy_(norms)

    def change(self) -> Tensor:
        """ΔW at strength 1, [rows, columns, *kernel]."""
        raise NotImplementedError

    @torch.no_grad()
    def norms(self, layer: nn.Module, dtype: torch.dtype | None = None) -> Tensor:
        """|W + ΔW| per row, in float32; with a `dtype`, the layer's own forward may multiply by W in that type."""
        change = self.change().float()
        weight = base_weight(layer, change)[0]
        return magnitudes(weight[slice(*self.rows) if self.rows else slice(None)] + change)

    def thin(self, layer: nn.Module) -> Thin | None:
        return None

    def addition(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor) -> Tensor:
        factor = self.magnitude.float() / self.norms(layer, x.dtype)
        plain = without_bias(y, layer, self.rows)
        turned = super().addition(x, y, layer, torch.ones_like(scale))
        change = (
            along_channels(factor - 1, plain, layer) * plain + along_channels(factor, plain, layer) * turned
        )
        return change * scale

    def tensors(self) -> dict[str, Tensor]:
        return super().tensors() | {
            "dora_scale": self.magnitude.reshape(-1, *[1] * (1 + len(self.shape.kernel)))
        }

    def for_comfyui(self) -> dict[str, Tensor]:
        """ComfyUI divides by the magnitude of the base weight's rows, so the quotient of the two goes into the file."""
        named = super().for_comfyui()
        quotient = (self.base_norm / self.norms(self.layer)).reshape(named["dora_scale"].shape)
        return named | {"dora_scale": named["dora_scale"] * quotient}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        super().load(tensors)
        if len(tensors["dora_scale"]) != self.shape.rows:
            raise AdapterError("its DoRA magnitudes are of columns, and rows are trained")
        with torch.no_grad():
            self.magnitude.copy_(tensors["dora_scale"].flatten() * self.norms(self.layer) / self.base_norm)


class Dora(Decomposed, Lora):
    """LoRA so."""

    @torch.no_grad()
    def norms(self, layer: nn.Module, dtype: torch.dtype | None = None) -> Tensor:
        """As |W|² + 2 W·ΔW + |ΔW|², for which no weight difference is built."""
        up, down = self.scaled_up.flatten(1).float() * self.ratio, self.full_down().flatten(1).float()
        cross = (up * self._base_through(layer, down, dtype)).sum(1)
        return (
            (self.base_norm.float() ** 2 + 2 * cross + (up @ (down @ down.T) * up).sum(1)).clamp(min=0).sqrt()
        )

    def full_down(self) -> Tensor:
        """`down` with the layer's kernel, also where it is kept in Tucker form."""
        if self.mid is None:
            return self.down
        return torch.einsum("m n ..., n j -> m j ...", self.mid, self.down.flatten(1))

    def _base_through(self, layer: nn.Module, down: Tensor, dtype: torch.dtype | None) -> Tensor:
        """W · downᵀ at the adapter's rows, [rows, rank]."""
        rows = slice(*self.rows) if self.rows else slice(None)
        if dtype is None or is_conv(layer):
            return base_weight(layer, down)[0][rows].flatten(1) @ down.T
        out = layer.forward(down.to(dtype))[..., rows]
        return without_bias(out, layer, self.rows).float().T


class DoraLoha(Decomposed, Loha):
    """LoHa so."""

    def change(self) -> Tensor:
        w1a, w1b, w2a, w2b = self.factors()
        return ((w1a @ w1b) * (w2a @ w2b)).reshape(self.shape.full) * (self.alpha / self.rank)


class DoraLokr(Decomposed, Lokr):
    """LoKr so."""

    def change(self) -> Tensor:
        w1, parts = self.factors()
        w2 = parts[0] if len(parts) == 1 else torch.einsum("b r, r ... -> b ...", *parts)
        whole = torch.kron(w1.reshape(*w1.shape, *self.shape.ones), w2)
        return whole.reshape(self.shape.full) * (self.alpha / self.rank)

    def of_whole_weight(self) -> dict[str, Tensor] | None:
        """None: the magnitudes are those of the adapter's rows only."""
        return None


DECOMPOSED: dict[type[Adapter], type[Adapter]] = {Lora: Dora, Loha: DoraLoha, Lokr: DoraLokr}
