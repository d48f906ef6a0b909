"""Which dimension of a layer's input counts the rows of the batch, where it is not the first."""

from __future__ import annotations

from typing import Any

from .candidates import PARTS, candidates
from .network import network_of
from .registry import family_of


def batch_dims(model: Any) -> dict[str, int]:
    """Layer name to dimension, for the layers whose input does not have the batch first.

    Some attend over tokens [tokens, batch, channels]. Per-row strength needs to know.
    """
    network = network_of(model)
    family = family_of(network)
    if not any(layers.batch_dim for part in PARTS for layers in getattr(family, part)):
        return {}
    return {entry.target.layer: entry.batch_dim for entry in candidates(network, family) if entry.batch_dim}
