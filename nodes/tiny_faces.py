"""Tiny Faces, the model that comes along, a slider for it, and pictures: every example runs before any download.

They stand in ComfyUI's own lists: `tiny_faces.safetensors` among the checkpoints, `tiny_faces_smile.safetensors` among
the LoRAs, the pictures among the datasets. Load Checkpoint gives model, text encoder and VAE, as of any checkpoint.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import comfy.supported_models
import folder_paths
from comfy.supported_models_base import ClipTarget
from comfy.utils import state_dict_prefix_replace

DEMO = Path(__file__).resolve().parent.parent / "scripts" / "demo"
FOLDERS = {"checkpoints": "model", "loras": "loras", "datasets": "pictures"}
IN_CLIP = "tiny_faces.transformer."  # before the names of the text encoder's weights in ComfyUI's CLIP


class TinyFaces(comfy.supported_models.SD3):
    """An SD3 whose file has a text encoder that ComfyUI does not know; for this one file only."""

    required_keys = {"tiny_faces_text.words.weight"}
    text_encoder_key_prefix = ["tiny_faces_text."]

    def clip_target(self, state_dict: dict[str, Any] | None = None) -> ClipTarget:
        clip = _text_encoder()
        return ClipTarget(clip.TinyFacesTokenizer, clip.TinyFacesClip)

    def process_clip_state_dict(self, state_dict: dict[str, Any]) -> dict[str, Any]:
        return state_dict_prefix_replace(
            state_dict, {self.text_encoder_key_prefix[0]: IN_CLIP}, filter_keys=True
        )

    def process_clip_state_dict_for_saving(self, state_dict: dict[str, Any]) -> dict[str, Any]:
        return state_dict_prefix_replace(state_dict, {IN_CLIP: self.text_encoder_key_prefix[0]})


@cache
def _text_encoder() -> ModuleType:
    """The demo's own code of it, which is in no package."""
    name, folder = f"{__package__}.comfyui_tiny_faces", DEMO / "custom_nodes" / "comfyui_tiny_faces"
    spec = spec_from_file_location(name, folder / "__init__.py", submodule_search_locations=[str(folder)])
    assert spec is not None and spec.loader is not None
    sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])
    return import_module(f"{name}.clip")


def offer_tiny_faces() -> None:
    """Makes the files known to ComfyUI; nothing is read or written."""
    for kind, folder in FOLDERS.items():
        folder_paths.add_model_folder_path(kind, str(DEMO / folder))
    if TinyFaces not in comfy.supported_models.models:
        comfy.supported_models.models.insert(0, TinyFaces)
