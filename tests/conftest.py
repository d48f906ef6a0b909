"""Makes ComfyUI, on the CPU, and this pack importable."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

from in_comfyui import import_comfyui, import_pack

import_comfyui(["--cpu"])
import_pack()


def pytest_collection_finish():
    """What is there by now stays: no search for garbage, of which tests and trainings make many, goes through it."""
    from allocations import set_aside_what_is_there

    set_aside_what_is_there()


@pytest.fixture
def model():
    """A tiny SD3 model as ComfyUI's nodes get it: made, and handed on, in inference mode."""
    import torch
    from tiny_models import tiny_model

    with torch.inference_mode():
        yield tiny_model("sd3")


@pytest.fixture
def offered():
    """The model, the slider and the pictures that come along, in ComfyUI's lists for one test."""
    import comfy.supported_models
    import folder_paths
    from concept_sliders.nodes.tiny_faces import FOLDERS, TinyFaces, offer_tiny_faces

    before = {kind: list(folder_paths.folder_names_and_paths[kind][0]) for kind in FOLDERS}
    offer_tiny_faces()
    yield
    comfy.supported_models.models.remove(TinyFaces)
    for kind, folders in before.items():
        folder_paths.folder_names_and_paths[kind][0][:] = folders
    folder_paths.filename_list_cache.clear()


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
