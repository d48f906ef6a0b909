"""A slider as it travels between nodes and files: named tensors, and metadata that says what they are."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor


class Slider(dict[str, Tensor]):
    """Tensors under the names of a LoRA file, ComfyUI's LORA_MODEL, with string metadata beside them."""

    def __init__(self, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None):
        super().__init__(tensors)
        self.metadata: dict[str, str] = dict(metadata or {})
