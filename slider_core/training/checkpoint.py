"""The state of a training run in one safetensors file: adapters, optimiser, step, losses.

Everything random in a step is drawn from the seed and the number of the step, and the cycle is replayed from its
seed, so neither needs a place in the file: a run that is continued gives the very numbers of one never stopped.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..files.atomic import write_whole
from .state import State

FORMAT = "concept-sliders-checkpoint-3"  # a new number where a state means something else than before


Stored = tuple[dict[str, str], dict[str, Tensor]]  # metadata and tensors of a checkpoint


class CheckpointError(ValueError):
    """A checkpoint cannot be used."""


def write_checkpoint(path: Path, fingerprint: str, state: State) -> None:
    """Writes the state, whole or not at all.

    Raises:
        NotWrittenError: if it cannot be written.
    """
    tensors: dict[str, Tensor] = {f"parameter.{i}": p for i, p in enumerate(state.parameters)}
    plain: dict[str, dict[str, Any]] = {}
    for index, parameter in enumerate(state.parameters):
        for name, value in state.optimiser.state.get(parameter, {}).items():
            if isinstance(value, Tensor):
                tensors[f"optimiser.{index}.{name}"] = value
            else:
                plain.setdefault(str(index), {})[name] = value
    progress = {"step": state.step, "losses": state.losses, "scaler": state.scaler.state_dict()}
    if state.pace is not None:
        progress["pace"] = state.pace.as_dict()
    metadata = {
        "format": FORMAT,
        "fingerprint": fingerprint,
        "progress": json.dumps(progress),
        "optimiser": json.dumps(plain),
    }
    write_whole(path, tensors, metadata)


def read_checkpoint(path: Path, fingerprint: str) -> Stored | None:
    """The state in `path`; None if it holds another training, or there is none.

    Raises:
        CheckpointError: if the file is damaged.
    """
    if not os.path.isfile(path):  # also False where the path itself is impossible
        return None
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT or metadata.get("fingerprint") != fingerprint:
                return None
            # Copies: Windows does not replace a file while it is mapped.
            return metadata, {key: file.get_tensor(key).clone() for key in file.keys()}
    except (SafetensorError, OSError) as error:
        raise damaged(path, error) from error


def restore(state: State, stored: Stored, path: Path) -> None:
    """Takes over a state that was read from `path`.

    Raises:
        CheckpointError: if it is damaged.
    """
    metadata, tensors = stored
    try:
        progress = json.loads(metadata["progress"])
        plain = json.loads(metadata["optimiser"])
        parameters = [tensors[f"parameter.{i}"] for i in range(len(state.parameters))]
    except (KeyError, ValueError) as error:
        raise damaged(path, error) from error
    optimiser: list[dict[str, Any]] = [dict(plain.get(str(i), {})) for i in range(len(parameters))]
    for key, tensor in tensors.items():
        kind, _, rest = key.partition(".")
        if kind == "optimiser":
            index, _, name = rest.partition(".")
            optimiser[int(index)][name] = tensor
    state.restore(progress["step"], progress["losses"], parameters, optimiser, progress["scaler"])
    if state.pace is not None:
        state.pace = state.pace.restored(progress["pace"])


def damaged(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"Checkpoint {path.name} is damaged ({error}). Delete it to start this training over."
    )


def remove_checkpoint(path: Path | None) -> None:
    """Removes the state of a training that is finished and has its file, where there is one and it can be."""
    if path is not None:
        with suppress(OSError):
            path.unlink(missing_ok=True)
