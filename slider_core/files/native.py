"""Adapters to and from the names that ComfyUI's own LoRA loader takes for every model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..adapters import Adapter
from .fused import merged, separated
from .slider import Slider


class SliderFileError(ValueError):
    """A slider file cannot be written or read, or does not fit what it is loaded into."""


def to_slider(adapters: Mapping[str, Sequence[Adapter]], metadata: Mapping[str, str] | None = None) -> Slider:
    """The adapters' tensors under native keys, as copies on the CPU."""
    tensors: dict[str, Tensor] = {}
    for layer, of_layer in adapters.items():
        named = _whole(of_layer) if of_layer[0].rows is None else _fused(of_layer)
        tensors |= {f"{layer}.{suffix}": _copied(tensor) for suffix, tensor in named.items()}
    return Slider(tensors, metadata)


def load_into(adapters: Mapping[str, Sequence[Adapter]], slider: Mapping[str, Tensor]) -> None:
    """Puts a slider's weights into adapters, to continue training it.

    Raises:
        SliderFileError: if the slider lacks a layer or has it in another shape.
    """
    for layer, of_layer in adapters.items():
        found = {key[len(layer) + 1 :]: value for key, value in slider.items() if key.startswith(f"{layer}.")}
        ordered = sorted(of_layer, key=lambda adapter: adapter.rows or (0, 0))
        try:
            if ordered[0].rows is None:
                ordered[0].load(found)
            else:
                parts = separated(found, [(a.rows, a.rank) for a in ordered if a.rows is not None])
                for adapter, part in zip(ordered, parts, strict=True):
                    adapter.load(part)
        except (KeyError, RuntimeError) as error:
            raise SliderFileError(
                f"the slider does not fit layer {layer!r} ({error}). Continue with the targets, kind and rank "
                f"that it was trained with."
            ) from error


def _whole(adapters: Sequence[Adapter]) -> dict[str, Tensor]:
    (adapter,) = adapters
    return adapter.tensors()


def _fused(adapters: Sequence[Adapter]) -> dict[str, Tensor]:
    parts = [(adapter.rows, adapter.tensors()) for adapter in adapters if adapter.rows is not None]
    return merged(sorted(parts, key=lambda part: part[0]), adapters[0].shape.layer_rows)


def _copied(tensor: Tensor) -> Tensor:
    with torch.inference_mode(False):
        return tensor.detach().to("cpu", copy=True).contiguous()
