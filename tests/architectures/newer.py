"""Models that ComfyUI gained after 0.30, by the names of their classes and layers: stand-ins without any computation.

They are what the older ComfyUI of the tests cannot make. Where the ComfyUI at hand has the classes, a test holds
the stand-ins against them.
"""

import math

import torch
from comfy import model_base, supported_models
from families import NEWER
from families.variant import expanded_names
from torch import nn


def newer_model(name: str) -> nn.Module:
    """The stand-in: a model as ComfyUI's loaders give it, by all that a family is recognised by."""
    newer = NEWER[name]
    of_model = getattr(model_base, newer.based_on or "BaseModel")
    of_config = getattr(supported_models, newer.based_on, object)
    return model_around(
        tree(newer.layers, f"comfy.ldm.{newer.network}"),
        called(f"comfy.model_base.{newer.of}", of_model),
        called(f"comfy.supported_models.{newer.of}", of_config),
    )


def real_model(name: str) -> nn.Module | None:
    """The model itself, on PyTorch's meta device, where the ComfyUI at hand has its class."""
    newer = NEWER[name]
    if not hasattr(supported_models, newer.of):
        return None
    described = getattr(supported_models, newer.of)({**newer.config})
    described.set_inference_dtype(torch.float32, None)
    return described.get_model({}, device=torch.device("meta"))


def called(qualified: str, base: type) -> type:
    """A class of that module and name."""
    module, _, name = qualified.rpartition(".")
    return type(name, (base,), {"__module__": module})


def model_around(network: nn.Module, kind: type = nn.Module, config: type = object) -> nn.Module:
    """A model of class `kind` around a network, with a description of class `config`, neither of them set up."""
    model = kind.__new__(kind)
    nn.Module.__init__(model)
    model.diffusion_model, model.model_config = network, config.__new__(config)
    return model


def tree(layers: dict[str, tuple[int, ...]], qualified: str) -> nn.Module:
    """A network of that class's name that holds the layers and nothing else."""
    root = called(qualified, nn.Module)()
    for pattern, size in layers.items():
        for path in expanded_names(pattern):
            *stem, last = path.split(".")
            holder = root
            for part in stem:
                if not hasattr(holder, part):
                    holder.add_module(part, nn.Module())
                holder = getattr(holder, part)
            holder.add_module(last, layer_of(*size))
    return root


def layer_of(rows: int, columns: int, *kernel: int) -> nn.Module:
    if kernel:
        return nn.Conv1d(columns, rows, math.prod(kernel), device="meta")
    return nn.Linear(columns, rows, device="meta")
