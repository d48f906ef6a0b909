"""DyLoRA: a LoRA whose ranks are trained in nested blocks, so that it can be cut (arXiv 2210.07558)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..architectures.target import Target
from ..deltas.low_rank import Thin
from ..layers import Shape
from .base import AdapterConfig, AdapterError
from .lora import Lora, addition


class Dylora(Lora):
    """Each training call uses the first b blocks of ranks, b random, and trains the last of them.

    Outside training, and in a file, it is the LoRA of all ranks. Option `block_size`: ranks in a block.
    """

    kind = "dylora"
    OPTIONS = frozenset({"block_size"})

    def __init__(self, target: Target, shape: Shape, config: AdapterConfig):
        super().__init__(target, shape, config)
        self.block = int(config.options.get("block_size", 1))
        if self.rank % self.block:
            raise AdapterError(f"rank {self.rank} is no multiple of the DyLoRA block size {self.block}.")

    def thin(self, layer: nn.Module) -> Thin | None:
        return None if self.training else super().thin(layer)

    def addition(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor) -> Tensor:
        if not self.training:
            return super().addition(x, y, layer, scale)
        last = int(torch.randint(self.rank // self.block, ())) * self.block
        used = last + self.block
        up = torch.cat([self.up[:, :last].detach(), self.up[:, last:used]], dim=1)
        down = torch.cat([self.down[:last].detach(), self.down[last:used]])
        return addition(x, layer, up, down, scale * (self.alpha / used))
