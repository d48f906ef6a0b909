"""The tiny models of `tiny_models` as diffusers has them, with the same weights by diffusers' own converters."""

from collections.abc import Callable
from types import CodeType, FunctionType

import torch
from diffusers.loaders import single_file_utils
from families import TINY
from families.twin import Weights

TWINS = {name: variant.twin for name, variant in TINY.items() if variant.twin}


def at_widths(function: Callable, widths: dict[int, int]) -> Callable:
    """A converter with the published widths, which are written into it, replaced by those of a tiny model."""

    def replaced(code: CodeType) -> CodeType:
        constants = [
            replaced(value)
            if isinstance(value, CodeType)
            else widths.get(value, value)
            if type(value) is int
            else value
            for value in code.co_consts
        ]
        return code.replace(co_consts=tuple(constants))

    return FunctionType(
        replaced(function.__code__), function.__globals__, function.__name__, function.__defaults__
    )


def same_sizes(model: torch.nn.Module, weights: Weights) -> None:
    """Makes linear layers anew whose width diffusers has fixed and the tiny model has not."""
    for name, layer in list(model.named_modules()):
        given = weights.get(f"{name}.weight")
        if isinstance(layer, torch.nn.Linear) and given is not None and given.shape != layer.weight.shape:
            parent, _, last = name.rpartition(".")
            new = torch.nn.Linear(given.shape[1], given.shape[0], bias=layer.bias is not None)
            setattr(model.get_submodule(parent), last, new)


def in_diffusers(name: str, native: dict[str, torch.Tensor]) -> torch.nn.Module:
    """diffusers' model of a family with these native weights (named below the diffusion model)."""
    import diffusers

    twin = TWINS[name]
    model = getattr(diffusers, twin.cls)(**twin.config)
    prefix = "model.diffusion_model." if twin.cls == "UNet2DConditionModel" else ""
    checkpoint = {prefix + key: weight.clone() for key, weight in twin.published(native).items()}
    if twin.converter:
        convert = at_widths(getattr(single_file_utils, twin.converter), twin.widths)
        checkpoint = convert(checkpoint, config=model.config)
    same_sizes(model, checkpoint)
    model.load_state_dict(checkpoint)
    return model.eval().requires_grad_(False)


def called(name: str, model: torch.nn.Module) -> torch.Tensor:
    """The model's output for the inputs of its family."""
    with torch.no_grad():
        output = model(**TWINS[name].call, return_dict=False)[0]
    return torch.stack(output) if isinstance(output, list | tuple) else output
