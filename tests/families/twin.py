"""How diffusers makes a model that the tests have tiny from ComfyUI, and what several families share of that."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

Weights = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Twin:
    """How diffusers makes the model: its class and config, the converter of published weights, and a call's inputs.

    `published` turns ComfyUI's names back into those of the published file, where ComfyUI has changed them;
    `widths` are the widths of published models that the converter knows, and the tiny ones in their place.
    """

    cls: str
    config: dict[str, Any]
    converter: str
    call: dict[str, Any]
    published: Callable[[Weights], Weights] = dict
    widths: dict[int, int] = field(default_factory=dict)


def ids(*shape: int) -> torch.Tensor:
    return torch.zeros(shape)


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def scales(weights: Weights) -> Weights:
    """Flux and Chroma: the norms' weights are called scales."""
    return {re.sub(r"((query|key)_norm|norms\.\d+)\.weight", r"\1.scale", key): w for key, w in weights.items()}


T = torch.tensor([500.0, 500.0])
FLUX_CALL = {
    "hidden_states": noise(2, 16, 64),
    "encoder_hidden_states": noise(2, 6, 48),
    "timestep": T / 1000,
    "img_ids": ids(16, 3),
    "txt_ids": ids(6, 3),
}
