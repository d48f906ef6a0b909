"""Whether two trainings are the same: a fingerprint of all that decides how one goes."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..data.bucket import Bucket
from .request import TrainRequest

# Settings that change how a training is run, but not what comes out of it.
WITHOUT_EFFECT = {
    "resume",
    "checkpoint",
    "checkpoint_every",
    "rows_at_once",
    "checkpointing",
    "pause_every",
    "description",
}
# Fields that are fingerprinted by their content, below.
BY_CONTENT = {"model", "plan", "cycle", "control_net", "vae", "assistant", "start_from"}


def fingerprint(request: TrainRequest, parameters: Sequence[nn.Parameter]) -> str:
    """Of settings, data, targets and the shapes of the adapters; of the model, its class and a few weights."""
    settings = _fields(request, WITHOUT_EFFECT | BY_CONTENT)
    cycle = _fields(request.cycle, {"buckets"})
    buckets = [_bucket(bucket) for bucket in request.cycle.buckets]
    plan = [f"{target} {config}" for target, config in request.plan]
    tensors = [request.start_from or {}, request.assistant or {}, _probe(request.model.model)]
    return digest(settings, cycle, buckets, plan, tensors, [tuple(p.shape) for p in parameters])


def _fields(instance: Any, left_out: set[str]) -> dict[str, str]:
    names = (field.name for field in dataclasses.fields(instance) if field.name not in left_out)
    return {name: str(getattr(instance, name)) for name in names}


def _bucket(bucket: Bucket) -> list[Any]:
    examples = [[e.name, e.latent, e.conditioning, e.control] for e in bucket.examples]
    return [bucket.name, bucket.strength, bucket.probability, bucket.repeats, examples]


def _probe(model: nn.Module) -> list[Any]:
    """The model's class, and the first few numbers of each of its small parameters."""
    small = [p for p in model.parameters() if type(p) is nn.Parameter and p.ndim == 1 and p.numel() <= 65536]
    return [type(model).__name__, [p.detach()[:16].clone() for p in small[:64]]]


def digest(*parts: Any) -> str:
    """A fingerprint of text, numbers and tensors, however nested."""
    state = hashlib.sha256()
    for part in parts:
        _feed(state, part)
    return state.hexdigest()


def _feed(state: Any, part: Any) -> None:
    if isinstance(part, Tensor):
        state.update(f"{part.dtype}{tuple(part.shape)}".encode())
        state.update(part.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    elif isinstance(part, Mapping):
        for key in sorted(part, key=str):
            _feed(state, str(key))
            _feed(state, part[key])
    elif isinstance(part, list | tuple):
        state.update(f"[{len(part)}".encode())
        for item in part:
            _feed(state, item)
    elif isinstance(part, str | int | float | None):
        state.update(f"{type(part).__name__}:{part!r};".encode())
    else:
        state.update(type(part).__name__.encode())
