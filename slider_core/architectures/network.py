"""The diffusion model or ControlNet inside what ComfyUI's sockets carry, and its layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from ..layers import root_of, size_of


class TargetError(ValueError):
    """No targets can be selected, or none are left."""


@dataclass(frozen=True)
class Network:
    """A diffusion model or a ControlNet.

    Attributes:
        prefix: what names in the state dict start with: `diffusion_model` or `control_model`.
        module: the network itself; layer names here are relative to it.
        classes: the classes it can be recognised by, ComfyUI's own description first.
    """

    prefix: str
    module: nn.Module
    classes: tuple[type, ...]
    layers: dict[str, Any] = field(default_factory=dict)

    @property
    def is_control_net(self) -> bool:
        return self.prefix == "control_model"

    def parent(self, layer: str) -> nn.Module:
        """The module that holds a layer."""
        return self.module.get_submodule(layer.rpartition(".")[0])


def network_of(model: Any) -> Network:
    """Opens a ModelPatcher, a BaseModel or a ControlNet.

    Raises:
        TargetError: if it holds no network whose layers could be trained.
    """
    root, (prefix, module) = root_of(model), module_of(model)
    described = (getattr(root, "model_config", None), root if prefix == "diffusion_model" else None)
    classes = [cls for part in (*described, module) for cls in type(part).__mro__ if part is not None]
    return Network(prefix, module, tuple(classes), dict(_layers(module)))


def module_of(model: Any) -> tuple[str, nn.Module]:
    """The prefix and the module of `Network` alone; raises as `network_of` does."""
    root = root_of(model)
    for prefix in ("diffusion_model", "control_model"):
        module = getattr(root, prefix, None)
        if isinstance(module, nn.Module):
            return prefix, module
    raise TargetError(_why_closed(root))


def _why_closed(root: Any) -> str:
    kind = type(root).__name__
    if hasattr(root, "control_weights"):
        return (
            "a Control-LoRA builds its network from the base model for each sampling run, so there is nothing to "
            "train on. Use a ControlNet with weights of its own."
        )
    if hasattr(root, "t2i_model"):
        return "a T2I adapter has no attention layers, so a slider has no targets there. Use a ControlNet."
    return f"a {kind} holds no diffusion model and no ControlNet. Connect a MODEL or a CONTROL_NET."


def _layers(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for name, child in module.named_modules():
        if next(child.children(), None) is None and size_of(child) is not None:
            yield name, child
