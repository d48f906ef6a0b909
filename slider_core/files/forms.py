"""The same change of a weight in the forms that ComfyUI's loader and lycoris-lora take, and as a full difference."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..adapters import Adapter, AdapterConfig
from ..adapters.difference import difference
from ..adapters.registry import make_adapter
from ..architectures.quirks import part_of
from ..architectures.target import Target
from ..layers import layer_at
from .errors import SliderFileError
from .fused import DORA
from .layout import Place
from .magnitudes import base_rows
from .places import Part


@torch.no_grad()
def for_comfyui(part: Part, model: Any) -> dict[str, Tensor]:
    """The tensors of a part with which ComfyUI's own loader makes the change at any strength.

    Raises:
        NeedsModelError: for OFT, BOFT and IA³ without a model: ComfyUI needs the difference, or the base's magnitudes.
    """
    tensors = part.tensors
    if "oft_blocks" in tensors and "diff" not in tensors:
        return tensors | {"diff": difference(_rotation(part, model)).cpu()}
    if "on_input" in tensors:
        options = {"train_on_input": bool(tensors["on_input"])}
        adapter = _adapter(part.place, AdapterConfig("ia3", options=options), model)
        adapter.load(tensors)
        return {name: tensor.cpu() for name, tensor in adapter.for_comfyui().items()}
    second = tensors.get("lokr_w2")
    if second is not None and second.ndim in (3, 5):
        return tensors | {"lokr_w2": second.flatten(1)}
    return tensors


def _rotation(part: Part, model: Any) -> Adapter:
    """OFT or BOFT of any block size, as our own adapter."""
    blocks = part.tensors["oft_blocks"]
    kind = "boft" if blocks.ndim == 4 else "oft"
    options = {"rescaled": "rescale" in part.tensors}
    adapter: Any = _adapter(part.place, AdapterConfig(kind, blocks.shape[-1], options=options), model)
    adapter.blocks = nn.Parameter(torch.empty(blocks.shape, device=adapter.blocks.device))
    adapter.load(part.tensors)
    return adapter


def _adapter(place: Place, config: AdapterConfig, model: Any) -> Adapter:
    base_rows(place, model)  # which says what to do where there is no model
    target = Target(f"{place.layer}.weight", place.rows)
    layer: Any = layer_at(model, target.layer)
    return make_adapter(layer, target, config).to(layer.weight.device)


@torch.no_grad()
def as_difference(part: Part, model: Any) -> dict[str, Tensor]:
    """The change of the weight, and of the bias, at the rows of a part, written out.

    Raises:
        NeedsModelError: without a model.
    """
    from comfy import lora

    tensors = for_comfyui(part, model)
    bias = {"diff_b": tensors["diff_b"]} if "diff_b" in tensors else {}
    if "diff" in tensors or tensors.keys() == bias.keys():
        return {name: tensors[name] for name in ("diff", "diff_b") if name in tensors}
    weight = base_rows(part.place, model)
    if DORA not in tensors and not any(name.startswith(("a1", "b1")) for name in tensors):
        weight = torch.zeros_like(weight)  # the change does not depend on it, and so is not rounded
    patches = lora.load_lora({f"x.{n}": t for n, t in tensors.items()}, {"x": "x.weight"}, log_missing=False)
    changed = lora.calculate_weight([(1.0, patches["x.weight"], 1.0, None, None)], weight.clone(), "x.weight")
    return {"diff": changed - weight, **bias}


def to_lycoris(part: Part) -> dict[str, Tensor]:
    """The tensors as lycoris-lora reads them.

    The full difference beside OFT's blocks is for ComfyUI only, and LoKr's second matrix has the layer's kernel.
    """
    named, place = part.tensors, part.place
    if place.rows and part_of(place.name):
        raise SliderFileError(
            f"in diffusers {place.name} is one layer with the MLP, of which only a part was trained. Save this kind "
            f"in native format."
        )
    second = named.get("lokr_w2")
    if second is not None and second.ndim == 2 and place.kernel:
        return named | {"lokr_w2": second.reshape(len(second), -1, *place.kernel)}
    return {name: tensor for name, tensor in named.items() if "oft_blocks" not in named or name != "diff"}
