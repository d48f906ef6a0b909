"""Any LoRA, as deltas of a model's layers, so that each row of a batch can have its own strength.

ComfyUI's own key map and readers take the file apart. What they leave unused, because it has names or tensors that
they do not know, is read by the names of diffusers and other programs and brought into ComfyUI's form.
Only the change, which ComfyUI would add to the weight, is added to the layer's output instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

from comfy import lora, lora_convert
from torch import Tensor

from ..architectures.comfyui_names import key_map
from ..files.forms import for_comfyui
from ..files.fused import BIAS, padded
from ..files.keys import taken_apart
from ..files.layout import FORMAT
from ..files.places import Part, Places
from ..files.reading import read
from ..files.unread import unread
from ..layers import root_of
from ..strength import Delta
from .changes import ParameterSlice, Unusable, without_overlap
from .readers import delta_of


def deltas_for(model: Any, slider: Mapping[str, Tensor]) -> tuple[dict[str, list[Delta]], list[str]]:
    """The deltas of a LoRA by layer name of `model`, and the keys of it that are not used.

    At strength s, a delta does what ComfyUI's loader does to the weight at strength s; where that leaves tensors
    unused, what it does with the slider converted to native format. Two exceptions: OFT and BOFT files without a full
    difference work at s, not at s² as there; what a file sets outright is the base model's own where the strength is 0.

    Args:
        model: ModelPatcher, BaseModel or ControlNet.
        slider: a slider, or the tensors of any LoRA file.
    """
    root = root_of(model)
    tensors = lora_convert.convert_lora(dict(slider))
    names = key_map(root)
    metadata = getattr(slider, "metadata", {})
    foreign = _not_read(tensors, names, ours=FORMAT in metadata)
    found, unusable = _as_comfyui_reads(root, names, {k: t for k, t in tensors.items() if k not in foreign})
    if foreign:
        places = Places(metadata, model)
        others = read({key: tensors[key] for key in foreign}, places, model)
        for part in others.parts:
            more, reasons = _at_place(root, part, model)
            found, unusable = found + more, unusable + reasons
        unusable += [*others.text, *(f"{key} ({reason})" for key, reason in others.unknown.items())]
    deltas: dict[str, list[Delta]] = {}
    for layer, delta in found:
        deltas.setdefault(layer, []).append(delta)
    return {layer: without_overlap(of_layer) for layer, of_layer in deltas.items()}, sorted(unusable)


Found = tuple[list[tuple[str, Delta]], list[str]]


def _not_read(tensors: Mapping[str, Tensor], names: Mapping[str, Any], ours: bool) -> set[str]:
    """The keys of all layers of which ComfyUI's loader leaves tensors unused, or loses them.

    It has no place for the bias of a part of a fused weight, reads `rescale` without using it, and has another
    meaning for the constraint of OFT than LyCORIS, which wrote it, and our own files.
    """
    layers: dict[str, list[str]] = {}
    for key in tensors:
        layers.setdefault(taken_apart(key)[0], []).append(key)
    lost = {taken_apart(key)[0] for key in unread(tensors, names)}
    for layer in layers:
        rotated = f"{layer}.oft_blocks" in tensors and f"{layer}.diff" not in tensors
        if rotated and (f"{layer}.rescale" in tensors or (ours and tensors.get(f"{layer}.alpha", 0) > 0)):
            lost.add(layer)
    lost |= {
        layer for layer in layers if f"{layer}.{BIAS}" in tensors and not isinstance(names.get(layer, ""), str)
    }
    return {key for layer in lost for key in layers[layer]}


def _as_comfyui_reads(root: Any, names: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Found:
    """The deltas, by layer, of what ComfyUI's loader reads at the names; and what cannot be used, with the reason."""
    found: list[tuple[str, Delta]] = []
    unusable: list[str] = []
    for key, patch in lora.load_lora(dict(tensors), names, log_missing=False).items():
        weight, rows, reorder = _taken_apart(key)
        layer, _, parameter = weight.rpartition(".")
        try:
            module = reduce(getattr, layer.split("."), root)
            found.append((layer, delta_of(patch, ParameterSlice(module, parameter, rows, reorder))))
        except (Unusable, AttributeError, IndexError, TypeError, ValueError) as reason:
            unusable.append(f"{weight} ({reason})")
    return found, unusable


def _at_place(root: Any, part: Part, model: Any) -> Found:
    """As `_as_comfyui_reads`, for tensors whose place is known."""
    place, weight = part.place, f"{part.place.layer}.weight"
    try:
        tensors = _rotation(part) or for_comfyui(part, model)
    except (ValueError, RuntimeError) as reason:
        return [], [f"{weight} ({reason})"]
    if BIAS in tensors and place.rows:
        tensors = tensors | {BIAS: padded([(place.rows, tensors[BIAS])], place.layer_rows)}
    start, stop = place.rows or (0, 0)
    at = (weight, (0, start, stop - start)) if place.rows else weight
    try:
        found, unusable = _as_comfyui_reads(
            root, {"x": at}, {f"x.{n}": t for n, t in tensors.items() if n != BIAS}
        )
    except KeyError as missing:
        return [], [f"{weight} (the file has no {str(missing.args[0]).removeprefix('x.')} for it)"]
    if BIAS in tensors:
        bias = _as_comfyui_reads(root, {"x": weight}, {f"x.{BIAS}": tensors[BIAS]})
        found, unusable = found + bias[0], unusable + bias[1]
    return found, unusable


def _rotation(part: Part) -> dict[str, Tensor] | None:
    """OFT and BOFT as our reader takes them, without a difference as large as the weight.

    LyCORIS's constraint is for each row, ComfyUI's for all of them. None for other kinds, and with a factor per row.
    """
    tensors, (start, stop) = part.tensors, part.place.rows or (0, part.place.layer_rows)
    if "oft_blocks" not in tensors or tensors.keys() & {"diff", "rescale"}:
        return None
    return {**tensors, "alpha": tensors["alpha"] * (stop - start)} if "alpha" in tensors else tensors


def _taken_apart(key: Any) -> tuple[str, tuple[int, int] | None, Any]:
    """The weight, its rows if not all, and the reordering of rows, of a place in ComfyUI's key map."""
    if isinstance(key, str):
        return key, None, None
    weight, offset, *reorder = key
    rows = None if offset is None else (offset[1], offset[1] + offset[2])
    return weight, rows, reorder[0] if reorder else None
