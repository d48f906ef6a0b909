"""The text encoder as a comfy.sd.CLIP, so that CLIPTextEncode works on it, weights in brackets too.

ComfyUI detects text encoders of fixed sizes only, the smallest of which is thirty times as large as the whole model,
so this one is put together from ComfyUI's parts: SDTokenizer and SDClipModel.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import comfy.sd
import comfy.sd1_clip
import torch
from torch import Tensor

from .text_encoder import LENGTH, WIDTH, TinyFacesText, WordTokenizer

PREFIX = "tiny_faces_text."  # of its tensors in the checkpoint; not one that ComfyUI looks for


class TinyFacesSDTokenizer(comfy.sd1_clip.SDTokenizer):
    def __init__(self, embedding_directory: str | None = None, tokenizer_data: Mapping[str, Any] | None = None):
        super().__init__(
            tokenizer_path="",
            max_length=LENGTH,
            pad_with_end=False,
            embedding_directory=embedding_directory,
            embedding_size=WIDTH,
            embedding_key="tiny_faces",
            tokenizer_class=WordTokenizer,
            has_start_token=False,
            has_end_token=False,
            tokenizer_data=tokenizer_data or {},
        )


class TinyFacesTokenizer(comfy.sd1_clip.SD1Tokenizer):
    def __init__(self, embedding_directory: str | None = None, tokenizer_data: Mapping[str, Any] | None = None):
        super().__init__(
            embedding_directory, tokenizer_data or {}, name="tiny_faces", tokenizer=TinyFacesSDTokenizer
        )


class TinyFacesClipModel(comfy.sd1_clip.SDClipModel):
    def __init__(
        self, device: Any = "cpu", dtype: torch.dtype | None = None, model_options: Mapping | None = None
    ):
        super().__init__(
            device=device,
            dtype=dtype,
            max_length=LENGTH,
            textmodel_json_config={},
            model_class=TinyFacesText,
            special_tokens={"pad": 0},
            layer_norm_hidden_state=False,
            model_options=model_options or {},
        )


class TinyFacesClip(comfy.sd1_clip.SD1ClipModel):
    def __init__(
        self, device: Any = "cpu", dtype: torch.dtype | None = None, model_options: Mapping | None = None
    ):
        super().__init__(
            device=device,
            dtype=dtype,
            model_options=model_options or {},
            name="tiny_faces",
            clip_model=TinyFacesClipModel,
        )


class Target:
    """What comfy.sd.CLIP asks for."""

    params: dict[str, Any] = {}
    clip = TinyFacesClip
    tokenizer = TinyFacesTokenizer


def load_clip(checkpoint: Mapping[str, Tensor]) -> comfy.sd.CLIP:
    """The text encoder in a checkpoint of `train_model.py`."""
    weights = {name.removeprefix(PREFIX): w for name, w in checkpoint.items() if name.startswith(PREFIX)}
    if not weights:
        raise ValueError(
            f"This checkpoint has no text encoder of the tiny face model (no tensor named {PREFIX}…). "
            "Choose tiny_faces.safetensors."
        )
    return comfy.sd.CLIP(Target, parameters=sum(w.numel() for w in weights.values()), state_dict=[weights])
