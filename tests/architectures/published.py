"""Published models that are too wide to be tiny, on PyTorch's meta device: the real modules without any memory.

`_full` marks those that are also among the tiny models.
"""

from functools import cache

import torch
from architectures.newer import newer_model
from comfy import supported_models
from comfy.model_base import BaseModel
from families import NEWER, WIDE
from tiny_models import NAMES, shared_model


def published_model(name: str) -> BaseModel:
    """A new model of that name, made by ComfyUI's own classes; of `NEWER`, what stands in for it."""
    if name in NEWER:
        return newer_model(name)
    described = getattr(supported_models, WIDE[name].of)(dict(WIDE[name].config))
    described.set_inference_dtype(torch.float32, None)
    return described.get_model({}, device=torch.device("meta"))


@cache
def shared_published(name: str) -> BaseModel:
    """`published_model(name)`, one for all tests that leave it as it is."""
    return published_model(name)


def model_of(name: str):
    """A shared model of either kind: tiny by its name in `tiny_models`, or published."""
    return shared_model(name) if name in NAMES else shared_published(name)
