"""Whether two VAEs or text encoders give the same: a fingerprint of all that decides what comes out of them."""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from comfy.model_patcher import ModelPatcher
from comfy.sd import CLIP, VAE
from torch import Tensor

from ..training.contents import deciding, original_tensors
from ..training.digest import Digest


def fingerprint_of(encoder: Any) -> str:
    """Of the class, every number of every weight, patches, and settings such as CLIP skip.

    Returns:
        empty for what is none of ComfyUI's own, and for a text encoder with hooks, whose result depends on more.
    """
    patcher = getattr(encoder, "patcher", None)
    if not isinstance(patcher, ModelPatcher):
        return ""
    if isinstance(encoder, CLIP):
        if encoder.apply_hooks_to_conds or patcher.forced_hooks:
            return ""
        tokenizer = encoder.tokenizer
        settings: list[Any] = [encoder.layer_idx, encoder.tokenizer_options, type(tokenizer).__mro__]
        settings.append(tokenizer.state_dict() if hasattr(tokenizer, "state_dict") else None)
    elif isinstance(encoder, VAE):
        settings = [encoder.vae_dtype, encoder.device.type, encoder.process_input]
    else:
        return ""
    seen = Digest(False, deciding=deciding).feed([type(encoder).__name__, settings, patcher]).hexdigest()
    sums = sorted((name, _sum(tensor)) for name, tensor in original_tensors(patcher).items())
    return hashlib.sha256(f"{seen}{sums}".encode()).hexdigest()


def _sum(tensor: Tensor) -> int:
    """The sum of all its bits, eight bytes at a time: as fast as memory, and another one if any number is another."""
    if hasattr(tensor, "__tensor_flatten__"):
        names, _ = tensor.__tensor_flatten__()
        return sum(_sum(getattr(tensor, name)) for name in names)
    plain = torch.Tensor.as_subclass(tensor.detach(), Tensor)
    if plain.is_meta or plain.layout != torch.strided:
        return 0
    stored = plain.contiguous().reshape(-1).view(torch.uint8)
    whole = len(stored) // 8 * 8
    return int(stored[:whole].view(torch.int64).sum()) + int(stored[whole:].sum())
