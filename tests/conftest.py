"""Makes ComfyUI, on the CPU, and this pack importable."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

from in_comfyui import import_comfyui, import_pack

import_comfyui(["--cpu"])
import_pack()


@pytest.fixture
def model():
    """A tiny SD3 model as ComfyUI's nodes get it: made, and handed on, in inference mode."""
    import torch
    from tiny_models import tiny_model

    with torch.inference_mode():
        yield tiny_model("sd3")


@pytest.fixture(autouse=True, scope="session")
def own_user_folder(tmp_path_factory):
    """What tests encode is neither kept in ComfyUI's user folder nor found there."""
    import folder_paths

    folder_paths.set_user_directory(str(tmp_path_factory.mktemp("user")))


@pytest.fixture(autouse=True)
def clean_weights():
    """What a test has loaded with patches goes back to its own weights: tests share models."""
    yield
    from comfy import model_management

    if model_management.current_loaded_models:
        model_management.unload_all_models()
