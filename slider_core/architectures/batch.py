"""Which dimension of a layer's input counts the rows of the batch, where it is not the first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from torch import nn

from .candidates import PARTS, candidates
from .network import Network, module_of, network_of
from .registry import family_of

_known: WeakKeyDictionary[nn.Module, Mapping[str, int]] = WeakKeyDictionary()


def batch_dims(model: Any) -> Mapping[str, int]:
    """Layer name to dimension, for the layers whose input does not have the batch first.

    Some attend over tokens [tokens, batch, channels]. Per-row strength needs to know. It is found once for a network:
    each sampling run asks, and to look at every layer takes longer than a step.
    """
    _, module = module_of(model)
    if module not in _known:
        _known[module] = _dims(network_of(model))
    return _known[module]


def _dims(network: Network) -> dict[str, int]:
    family = family_of(network)
    if not any(layers.batch_dim for part in PARTS for layers in getattr(family, part)):
        return {}
    return {entry.target.layer: entry.batch_dim for entry in candidates(network, family) if entry.batch_dim}
