"""Adapters to and from the names that ComfyUI's own LoRA loader takes for every model.

A layer's tensors are called after the layer: `diffusion_model.double_blocks.0.img_attn.proj.lora_up.weight`. On
fused weights, kinds that cannot be merged go under ComfyUI's name for the part (`transformer.….attn.to_q`), where
it has one; else the change is written out as a full difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..adapters import Adapter
from ..adapters.difference import difference
from ..adapters.lokr import Lokr
from ..layers import LayerError, magnitudes, weight_rows
from .errors import SliderFileError
from .formats import as_native
from .fused import BIAS, DORA, Rows, is_block_diagonal, pairs_of, separated
from .layout import FORMAT, LAYOUT, layout_of
from .parts_of_one import OnRows, named_tensors
from .slider import Slider


@torch.no_grad()
def to_slider(adapters: Mapping[str, Sequence[Adapter]], metadata: Mapping[str, str] | None = None) -> Slider:
    """The adapters' tensors under native keys, as copies on the CPU.

    ComfyUI's own loader, at any strength, then changes the model as the adapters do at that strength.
    """
    tensors: dict[str, Tensor] = {}
    for layer, of_layer in adapters.items():
        tensors |= _named(layer, sorted(of_layer, key=_rows))
    with torch.inference_mode(False):
        copies = {key: tensor.detach().to("cpu", copy=True).contiguous() for key, tensor in tensors.items()}
    return Slider(copies, {**(metadata or {}), LAYOUT: layout_of(adapters), FORMAT: "native"})


def _rows(adapter: Adapter) -> Rows:
    return adapter.rows or (0, adapter.shape.layer_rows)


def _named(layer: str, adapters: Sequence[Adapter]) -> dict[str, Tensor]:
    if adapters[0].rows is None:
        return _under(layer, adapters[0].for_comfyui())
    if len(adapters) == 1 and isinstance(adapters[0], Lokr) and not adapters[0].part_name:
        of_whole = adapters[0].of_whole_weight()
        if of_whole is not None:
            return _under(layer, of_whole)
    parts = [_part(adapter) for adapter in adapters]
    found = named_tensors(
        layer, adapters[0].shape.layer_rows, parts, lambda: magnitudes(weight_rows(adapters[0].layer, None))
    )
    return {key: tensor for name, tensors in found for key, tensor in _under(name, tensors).items()}


def _part(adapter: Adapter) -> OnRows:
    tensors = adapter.for_comfyui()
    written = {name: tensor for name, tensor in tensors.items() if name in ("diff", BIAS)}
    return OnRows(
        _rows(adapter),
        tensors,
        adapter.part_name,
        lambda: written if "diff" in written else {"diff": difference(adapter), **written},
    )


def _under(name: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{name}.{suffix}": tensor for suffix, tensor in tensors.items()}


def load_into(
    adapters: Mapping[str, Sequence[Adapter]], slider: Mapping[str, Tensor], model: Any = None
) -> list[str]:
    """Puts a slider's weights into adapters, to continue training it.

    Args:
        slider: in any key format, where the model is given.

    Returns:
        The keys that are not used: those of no layer of the model, of the text encoder, of layers without an adapter,
        and those that the adapter's kind does not have.

    Raises:
        SliderFileError: if the slider lacks a layer or has it in another shape.
    """
    native, unused = as_native(slider, model)
    rest = set(native)
    for layer, of_layer in adapters.items():
        try:
            rest -= _load(layer, sorted(of_layer, key=_rows), native)
        except (KeyError, RuntimeError, IndexError, LayerError) as error:
            raise SliderFileError(
                f"the slider does not fit layer {layer!r} ({error}). Continue with the targets, kind and rank "
                f"that it was trained with."
            ) from error
    return unused + sorted(rest)


def _load(layer: str, adapters: Sequence[Adapter], slider: Mapping[str, Tensor]) -> set[str]:
    """Loads the adapters of a layer; the keys that they used."""
    found, by_name = _below(layer, slider), [_below(adapter.part_name, slider) for adapter in adapters]
    if adapters[0].rows is None:
        adapters[0].load(found)
    elif all(adapter.part_name and part for adapter, part in zip(adapters, by_name, strict=True)):
        for adapter, part in zip(adapters, by_name, strict=True):
            adapter.load(part)
        return {f"{a.part_name}.{suffix}" for a, part in zip(adapters, by_name, strict=True) for suffix in part}
    elif len(adapters) == 1 and isinstance(adapters[0], Lokr) and "diff" not in found:
        adapters[0].load(found)
    elif adapters[0].kind == "full":
        for adapter in adapters:
            adapter.load({name: tensor[slice(*_rows(adapter))] for name, tensor in found.items()})
    elif "diff" in found:
        raise SliderFileError(
            f"the {adapters[0].kind} adapters on {layer!r} are in the file as a full difference, out of which "
            f"they cannot be had again. Resume from a training checkpoint, or start anew."
        )
    else:
        for adapter, part in zip(adapters, _in_parts(found, adapters), strict=True):
            adapter.load(part)
    return {f"{layer}.{suffix}" for suffix in found.keys() & adapters[0].takes}


def _in_parts(found: Mapping[str, Tensor], adapters: Sequence[Adapter]) -> list[dict[str, Tensor]]:
    """One adapter of a whole weight as one for each part: its blocks, or all of its ranks for every part."""
    at = [(_rows(adapter), adapter.rank or 1) for adapter in adapters]
    pairs = pairs_of(found)
    if sum(rank for _, rank in at) == len(found[pairs[0][1]]) and is_block_diagonal(found, at):
        return separated(found, at)
    wide = {name for name, _ in pairs} | {DORA}
    return [{name: t[slice(*rows)] if name in wide else t for name, t in found.items()} for rows, _ in at]


def _below(name: str, slider: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key[len(name) + 1 :]: value for key, value in slider.items() if key.startswith(f"{name}.")}
