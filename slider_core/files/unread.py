"""What ComfyUI's own LoRA loader leaves unused of a file: it does not say so itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from comfy import lora, lora_convert
from torch import Tensor

from ..architectures.comfyui_names import key_map
from ..layers import root_of
from .keys import taken_apart


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


def unread_by_comfyui(model: Any, slider: Mapping[str, Tensor]) -> list[str]:
    """The keys that ComfyUI's own loader leaves unused on this model."""
    return sorted(unread(lora_convert.convert_lora(dict(slider)), key_map(root_of(model))))


def unread(tensors: Mapping[str, Tensor], names: Mapping[str, Any]) -> set[str]:
    """The keys that the loader does not read; where one of a pair is missing, those of its layer."""
    whole = dict(tensors)
    while True:
        watched = ReadTensors(whole)
        try:
            lora.load_lora(watched, names, log_missing=False)
            return tensors.keys() - (watched.read & whole.keys())
        except KeyError as missing:
            layer = taken_apart(str(missing.args[0]))[0]
            rest = {key: tensor for key, tensor in whole.items() if taken_apart(key)[0] != layer}
            if len(rest) == len(whole):
                raise
            whole = rest
