"""Whether two trainings are the same: a fingerprint of all that decides how one goes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from torch import nn

from ..data.bucket import Bucket, Example
from ..data.cycle import Cycle
from ..data.words import Words
from .contents import deciding, names_of_modules
from .digest import Digest
from .request import TrainRequest

# Every field of these classes is in one of two places: what decides how a training goes …
DECIDING: dict[type, set[str]] = {
    TrainRequest: set(
        "model plan cycle steps learning_rate optimiser schedule warmup weight_decay max_norm objective anchor_weight "
        "anchor_below noise_levels seed noise_draws stop_at dtype control_net train_control vae "
        "assistant start_from".split()
    ),
    Cycle: set("buckets mode pairing weighting neutral batch_size seed one_sided loss_weighting".split()),
    Bucket: set("name examples strength probability repeats".split()),
    Example: set("name latent conditioning control mask named variants strength words".split()),
    Words: set("more less guidance kept".split()),
}
# … and what changes how it is run or described, but not what comes out of it.
WITHOUT_EFFECT: dict[type, set[str]] = {
    TrainRequest: set(
        "resume checkpoint sliders checkpoint_every rows_at_once gradient_checkpointing preview_every "
        "save_every description".split()
    ),
    Example: {"caption", "brightness"},  # its conditioning and its latent count
}
# Models, of whose tensors a few numbers are seen; of all others every number.
PROBED = ("model", "control_net", "vae")


def check_declared() -> None:
    """Raises TypeError for a field that nobody has thought about."""
    for kind, deciding_fields in DECIDING.items():
        declared = deciding_fields | WITHOUT_EFFECT.get(kind, set())
        fields = {field.name for field in dataclasses.fields(kind)}
        if fields != declared:
            raise TypeError(
                f"{kind.__name__}: {sorted(fields ^ declared)} must be in DECIDING or WITHOUT_EFFECT."
            )


check_declared()


def fingerprint(request: TrainRequest, parameters: Sequence[nn.Parameter]) -> str:
    """Of settings, data, targets and adapters, and of the models.

    Of a model it sees the class, 16 numbers of each weight as it is stored, without its patches, whether loaded or not,
    and all that a node has put on it: LoRAs (16 numbers of each tensor) and their strengths, sliders, its sampling
    (shift, sigmas, kind of prediction), wrappers, attention patches, hooks and options, these with what their functions
    and objects hold. It does not see a change of other numbers of a weight, nor what a function reads elsewhere.
    """
    fields = {name: getattr(request, name) for name in DECIDING[TrainRequest]}
    models = {name: fields.pop(name) for name in PROBED}
    if request.control_net is None:
        models["vae"] = None  # in training, only ControlNets take it
    patchers = [request.model, *(request.control_net.get_models() if request.control_net is not None else ())]
    known = names_of_modules(patchers)
    seen = Digest(False, known, deciding).feed(models).hexdigest()
    return Digest(True, known, _data).feed([seen, fields, [tuple(p.shape) for p in parameters]]).hexdigest()


def _data(part: Any) -> Any:
    if type(part) in DECIDING:
        return {name: getattr(part, name) for name in DECIDING[type(part)]}
    return deciding(part)
