"""IA³: each row (or column) of the weight is stretched by a learned factor (arXiv 2205.05638)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..architectures.target import Target
from ..layers import Shape, along_channels, magnitudes, through_base, weight_rows, without_bias
from .base import Adapter, AdapterConfig, AdapterError, put


class Ia3(Adapter):
    """The weight's rows grow by `weight`; with option `train_on_input`, its columns."""

    kind = "ia3"
    MERGES = True
    GROUPS = False
    OPTIONS = frozenset({"train_on_input"})

    def __init__(self, target: Target, shape: Shape, config: AdapterConfig):
        super().__init__(target, shape, config)
        self.on_input = bool(config.options.get("train_on_input"))
        self.weight = nn.Parameter(torch.zeros(shape.columns if self.on_input else shape.rows))

    def addition(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor) -> Tensor:
        if self.on_input:
            return through_base(x * along_channels(self.weight, x, layer) * scale, layer, self.rows)
        plain = without_bias(y, layer, self.rows)
        return plain * along_channels(self.weight, plain, layer) * scale

    def tensors(self) -> dict[str, Tensor]:
        weight = self.weight.reshape(1, -1, *self.shape.ones) if self.shape.kernel else self.weight
        return {"weight": weight, "on_input": torch.tensor(int(self.on_input))}

    def for_comfyui(self) -> dict[str, Tensor]:
        """ComfyUI does not know IA³, but DoRA's magnitudes of rows or columns do the same beside an empty LoRA."""
        shape = self.shape
        magnitudes = self._magnitudes() * (1 + self.weight)
        form = (1, -1, *shape.ones) if self.on_input else (-1, 1, *shape.ones)
        return {
            "lora_up.weight": self.weight.new_zeros(shape.rows, 1, *shape.ones),
            "lora_down.weight": self.weight.new_zeros(1, shape.columns, *shape.kernel),
            "alpha": torch.tensor(1.0),
            "dora_scale": magnitudes.reshape(form),
        }

    def _magnitudes(self) -> Tensor:
        weight = weight_rows(self.layer, self.rows)
        return magnitudes(weight.transpose(0, 1) if self.on_input else weight).to(self.weight.device)

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        if "dora_scale" not in tensors:
            put(self.weight, tensors["weight"].flatten())
            return
        if bool(tensors["lora_up.weight"].any()):
            raise AdapterError("a LoRA, and not only magnitudes, is in the file")
        put(self.weight, tensors["dora_scale"].flatten().to(self.weight) / self._magnitudes() - 1)

    @property
    def takes(self) -> set[str]:
        return {*super().takes, "lora_up.weight", "lora_down.weight", "dora_scale"}
