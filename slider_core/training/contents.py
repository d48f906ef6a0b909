"""What of ComfyUI's models, ControlNets and VAEs decides what comes out of them, as mappings and lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from comfy.controlnet import ControlBase
from comfy.model_patcher import ModelPatcher
from comfy.sd import VAE
from torch import Tensor, nn

# Set for the time of a sampling, or for one picture.
PASSING = {
    "cond_hint",
    "cond_hint_original",
    "timestep_range",
    "model_sampling_current",
    "multigpu_clones",
    "vae",
}
# What a model is beside its weights; a patch of one of these stands in for the model's own.
OWN = ("model_sampling", "latent_format", "manual_cast_dtype")


def deciding(part: Any) -> Any:
    """What of a ModelPatcher, ControlNet or VAE decides its results; anything else as it is.

    A model's weights are as they were before its patches, which are listed beside them: so it makes no difference
    whether it is loaded at the moment, or which clone of it is.
    """
    if isinstance(part, ModelPatcher):
        return _of_patcher(part)
    if isinstance(part, ControlBase):
        return _of_control(part)
    return [type(part).__name__, part.patcher] if isinstance(part, VAE) else part


def _of_patcher(patcher: ModelPatcher) -> dict[str, Any]:
    return {
        "class": type(patcher.model).__name__,
        "weights": original_tensors(patcher),
        "own": [_own(patcher, name) for name in OWN],
        "patches": patcher.patches,
        "objects": patcher.object_patches,
        "weight wrappers": patcher.weight_wrapper_patches,
        "hooks": patcher.hook_patches,
        "options": patcher.model_options,
        "wrappers": _filled(patcher.wrappers),
        "callbacks": _filled(patcher.callbacks),
        "attachments": patcher.attachments,
        "injections": patcher.injections,
        "more models": patcher.additional_models,
    }


def _own(patcher: ModelPatcher, name: str) -> Any:
    try:
        return patcher.get_model_object(name)
    except AttributeError:
        return None


def _filled(by_type: Mapping[str, Mapping[Any, Any]]) -> dict[str, Any]:
    """Without the types and keys that nothing is registered for."""
    kept = {kind: [*filter(None, by_key.values())] for kind, by_key in by_type.items()}
    return {kind: lists for kind, lists in kept.items() if lists}


def original_tensors(patcher: ModelPatcher) -> dict[str, Tensor]:
    """The model's parameters and buffers by name, as they are without any patch."""
    tensors = {
        f"{name}.{inner}": tensor
        for name, module in _original_modules(patcher)
        for inner, tensor in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
    }
    tensors |= {name: kept.weight for name, kept in patcher.backup.items() if name in tensors}
    return tensors | {name: kept for name, kept in patcher.backup_buffers.items() if name in tensors}


def names_of_modules(patchers: Iterable[ModelPatcher]) -> dict[int, str]:
    """The name by id of each module that the models have of their own, for `Digest`; not of those in OWN."""
    return {
        id(module): f"{index}.{name}"
        for index, patcher in enumerate(patchers)
        for name, module in _original_modules(patcher)
        if not _within(name, OWN)
    }


def _original_modules(patcher: ModelPatcher) -> Iterable[tuple[str, nn.Module]]:
    """The model's modules and their names; in place of those that a patch replaces at the moment, the replaced."""
    replaced = patcher.object_patches_backup
    yield from ((n, module) for n, module in patcher.model.named_modules() if not _within(n, replaced))
    for name, original in replaced.items():
        if isinstance(original, nn.Module):
            yield from original.named_modules(prefix=name)


def _within(name: str, outer: Iterable[str]) -> bool:
    return any(name == key or name.startswith(f"{key}.") for key in outer)


def _of_control(control: ControlBase) -> list[Any]:
    """A ControlNet that is several things at once: its class, its networks' weights, its settings and sliders."""
    state = {name: value for name, value in vars(control).items() if name not in PASSING}
    if "control_model_wrapped" in state:
        state.pop("control_model", None)
    return [type(control).__mro__, state]
