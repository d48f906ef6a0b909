"""OFT and BOFT: the rows of the weight, and so the outputs of the layer, are rotated (arXiv 2306.07280, 2311.06243)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..architectures.target import Target
from ..layers import Shape, along_channels, is_conv, without_bias
from .base import Adapter, AdapterConfig, AdapterError, put
from .difference import difference


def rotations_less_identity(blocks: Tensor, constraint: float) -> Tensor:
    """R − I for the rotations R = (I + Q)(I − Q)⁻¹, Q = B − Bᵀ (Cayley), of blocks B [..., size, size].

    With Q shortened to `constraint`, if that is not 0; in float32. R − I is 2 Q (I − Q)⁻¹, exactly 0 for Q = 0.
    """
    q = blocks.float() - blocks.float().transpose(-1, -2)
    if constraint > 0:
        length = q.norm() + 1e-8
        q = torch.where(length > constraint, q * constraint / length, q)
    identity = torch.eye(q.shape[-1], device=q.device)
    return torch.linalg.solve(identity - q, 2 * q, left=False)


def turned(plain: Tensor, blocks: Tensor, constraint: float) -> Tensor:
    """(R − I) · plain for OFT: `plain` [..., channels], blocks [number, size, size]."""
    r = rotations_less_identity(blocks, constraint).to(plain.dtype)
    grouped = plain.unflatten(-1, r.shape[:2])
    return torch.einsum("k n m, ... k n -> ... k m", r, grouped).flatten(-2)


def turned_by_butterfly(plain: Tensor, blocks: Tensor, constraint: float) -> Tensor:
    """(R − I) · plain for BOFT: blocks [stages, number, size, size]; stage i mixes channels 2ⁱ · size / 2 apart."""
    r = rotations_less_identity(blocks, constraint).to(plain.dtype)
    out = plain
    for stage, step in enumerate(r):
        apart = 2**stage * (r.shape[-1] // 2)
        mixed = out.unflatten(-1, (-1, 2, apart)).transpose(-2, -1).flatten(-3).unflatten(-1, step.shape[:2])
        mixed = torch.einsum("b i j, ... b j -> ... b i", step, mixed).flatten(-2)
        out = out + mixed.unflatten(-1, (-1, apart, 2)).transpose(-2, -1).flatten(-3)
    return out - plain


class Oft(Adapter):
    """Blocks of neighbouring rows are rotated. At strength s the weight is W + s · (R W − W).

    `rank` is LyCORIS's `lora_dim`: the size of a block at most. Options: `constraint` bounds the rotation (per
    row of the weight, as in LyCORIS), `rescaled` learns a factor per row.
    """

    kind = "oft"
    OPTIONS = frozenset({"constraint", "rescaled"})

    def __init__(self, target: Target, shape: Shape, config: AdapterConfig):
        super().__init__(target, shape, config)
        self.rank = config.rank_for(shape)
        self.alpha = float(torch.tensor(float(config.options.get("constraint", 0) or 0)))
        self.blocks = nn.Parameter(torch.zeros(self._block_shape()))
        self.rescale = nn.Parameter(torch.ones(shape.rows)) if config.options.get("rescaled") else None

    def _block_shape(self) -> tuple[int, ...]:
        from lycoris.functional.general import factorization

        size, number = factorization(self.shape.rows, self.rank)
        return number, size, size

    def _turned(self, plain: Tensor) -> Tensor:
        return turned(plain, self.blocks, self.alpha * self.shape.rows)

    def addition(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor) -> Tensor:
        plain = without_bias(y, layer, self.rows)
        change = self._turned(plain.movedim(1, -1)).movedim(-1, 1) if is_conv(layer) else self._turned(plain)
        if self.rescale is not None:
            factor = along_channels(self.rescale, plain, layer)
            change = factor * change + (factor - 1) * plain
        kept = self.mask(self.shape.rows, change)
        return (change if kept is None else change * along_channels(kept, change, layer)) * scale

    def tensors(self) -> dict[str, Tensor]:
        named: dict[str, Tensor] = {"oft_blocks": self.blocks, "alpha": torch.tensor(self.alpha)}
        if self.rescale is not None:
            named["rescale"] = self.rescale.reshape(-1, *[1] * (1 + len(self.shape.kernel)))
        return named

    def for_comfyui(self) -> dict[str, Tensor]:
        """With the full difference, which ComfyUI then uses: it applies the blocks at the square of the strength."""
        return self.tensors() | {"diff": difference(self)}

    @property
    def takes(self) -> set[str]:
        return {*super().takes, "diff"}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        put(self.blocks, tensors["oft_blocks"])
        if self.rescale is not None:
            put(self.rescale, tensors["rescale"].flatten())
        self.alpha = float(tensors.get("alpha", torch.tensor(0.0)))


class Boft(Oft):
    """As OFT, with several stages of blocks that reach all rows (a butterfly)."""

    kind = "boft"

    def _block_shape(self) -> tuple[int, ...]:
        from lycoris.functional.general import power2factorization

        size, number = power2factorization(self.shape.rows, self.rank)
        if not number:
            odd = self.shape.rows
            while odd % 2 == 0:
                odd //= 2
            raise AdapterError(
                f"BOFT cannot divide the {self.shape.rows} rows of {self.target.layer!r} into blocks of at most "
                f"{self.rank}. Give it a rank of {2 * odd} or more, or use oft."
            )
        return (number - 1).bit_count() + 1, number, size, size

    def _turned(self, plain: Tensor) -> Tensor:
        return turned_by_butterfly(plain, self.blocks, self.alpha * self.shape.rows)
