"""The state of a training run in one safetensors file: adapters, optimiser, step, losses.

Everything random in a step is drawn from the seed and the number of the step, and the cycle is replayed from its
seed, so neither needs a place in the file: a run that is continued gives the very numbers of one never stopped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.optim import Optimizer

from ..files.atomic import write_whole

FORMAT = "concept-sliders-checkpoint-1"


class CheckpointError(ValueError):
    """A checkpoint cannot be used."""


@dataclass(frozen=True)
class Progress:
    """How far a run has come."""

    step: int
    losses: dict[str, list[float]]
    scaler: dict[str, Any]


def write_checkpoint(
    path: Path,
    fingerprint: str,
    progress: Progress,
    parameters: Sequence[nn.Parameter],
    optimiser: Optimizer,
) -> None:
    """Writes the state, whole or not at all.

    Raises:
        NotWrittenError: if the disk is full.
    """
    tensors: dict[str, Tensor] = {f"parameter.{i}": p for i, p in enumerate(parameters)}
    states = optimiser.state_dict()["state"]
    plain: dict[str, dict[str, Any]] = {}
    for index, state in states.items():
        for name, value in state.items():
            if isinstance(value, Tensor):
                tensors[f"optimiser.{index}.{name}"] = value.clone()
            else:
                plain.setdefault(str(index), {})[name] = value
    metadata = {
        "format": FORMAT,
        "fingerprint": fingerprint,
        "progress": json.dumps({"step": progress.step, "losses": progress.losses, "scaler": progress.scaler}),
        "optimiser": json.dumps(plain),
    }
    write_whole(path, tensors, metadata)


def read_checkpoint(
    path: Path, fingerprint: str, parameters: Sequence[nn.Parameter], optimiser: Optimizer
) -> Progress | None:
    """Restores adapters and optimiser from `path`; None if it holds another training, or there is none.

    Raises:
        CheckpointError: if the file is damaged.
    """
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT or metadata.get("fingerprint") != fingerprint:
                return None
            tensors = {key: file.get_tensor(key) for key in file.keys()}
        progress = json.loads(metadata["progress"])
        plain = json.loads(metadata["optimiser"])
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise CheckpointError(
            f"Checkpoint {path.name} is damaged ({error}). Delete it to start this training over."
        ) from error
    _restore(tensors, plain, parameters, optimiser)
    return Progress(progress["step"], progress["losses"], progress["scaler"])


def _restore(
    tensors: Mapping[str, Tensor],
    plain: Mapping[str, dict[str, Any]],
    parameters: Sequence[nn.Parameter],
    optimiser: Optimizer,
) -> None:
    states: dict[int, dict[str, Any]] = {int(index): dict(values) for index, values in plain.items()}
    for key, tensor in tensors.items():
        kind, _, rest = key.partition(".")
        if kind == "optimiser":
            index, _, name = rest.partition(".")
            states.setdefault(int(index), {})[name] = tensor
    with torch.no_grad():
        for i, parameter in enumerate(parameters):
            parameter.copy_(tensors[f"parameter.{i}"])
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": states, "param_groups": groups})
