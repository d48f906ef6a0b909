"""Any LoRA that ComfyUI can load, as deltas of layers, so that each row of a batch can have its own strength.

ComfyUI's own key map and weight adapters read the file; only the addition to the weight is done on the layer's
output instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from comfy import lora, lora_convert
from comfy.weight_adapter import LoRAAdapter
from torch import Tensor, nn

from ..adapters.layer import root_of
from ..adapters.lora import addition
from ..strength import Delta


class ReadTensors(dict[str, Tensor]):
    """Tensors that remember which of them were read: ComfyUI's loader does not say which keys it used."""

    def __init__(self, tensors: Mapping[str, Tensor]):
        super().__init__(tensors)
        self.read: set[str] = set()

    def __getitem__(self, key: str) -> Tensor:
        self.read.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        return self[key] if key in self else default


def deltas_for(model: Any, slider: Mapping[str, Tensor]) -> tuple[dict[str, list[Delta]], list[str]]:
    """The deltas of a LoRA by layer name of `model`, and the keys of it that this model has no use for.

    Args:
        model: ModelPatcher, BaseModel or ControlNet.
        slider: a slider, or the tensors of any LoRA file.
    """
    tensors = ReadTensors(lora_convert.convert_lora(dict(slider)))
    patches = lora.load_lora(tensors, key_map(root_of(model)), log_missing=False)
    deltas: dict[str, list[Delta]] = {}
    for key, patch in patches.items():
        name, rows = (key, None) if isinstance(key, str) else (key[0], (key[1][1], key[1][1] + key[1][2]))
        deltas.setdefault(name.rpartition(".")[0], []).append(LoraDelta(rows, patch))
    return deltas, sorted(tensors.keys() - tensors.read)


def key_map(model: Any) -> dict[str, Any]:
    """LoRA key prefix to weight key (and slice) of a model; a ControlNet is known by its native names only."""
    if hasattr(model, "control_model"):
        names = [f"control_model.{key}" for key in model.control_model.state_dict()]
        return {name.removesuffix(".weight"): name for name in names}
    return lora.model_lora_keys_unet(model, {})


class LoraDelta:
    """A LoRA that ComfyUI has loaded, on one layer."""

    def __init__(self, rows: tuple[int, int] | None, adapter: LoRAAdapter):
        self.rows = rows
        up, down, alpha = adapter.weights[:3]
        self.ratio = 1.0 if alpha is None else alpha / len(down)
        self.up, self.down = up, down

    def delta(self, x: Tensor, y: Tensor, layer: nn.Module, scale: Tensor) -> Tensor:
        self.up, self.down = cast(self.up, x), cast(self.down, x)
        return addition(x, layer, self.up, self.down, scale * self.ratio)


def cast(tensor: Tensor, like: Tensor) -> Tensor:
    """`tensor` on the device of `like`, as a tensor that autograd can save (a file read in a node is none)."""
    with torch.inference_mode(False):
        return tensor.clone() if tensor.is_inference() else tensor.to(like.device)
