"""Makes ComfyUI and this pack importable: ComfyUI first, the pack as the one package `concept_sliders`."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACK = "concept_sliders"


def import_pack() -> None:
    spec = importlib.util.spec_from_file_location(
        PACK, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec is not None and spec.loader is not None
    pack = importlib.util.module_from_spec(spec)
    sys.modules[PACK] = pack
    spec.loader.exec_module(pack)


def import_comfyui() -> None:
    """ComfyUI's own `nodes` must win over our folder of that name, and the device is set before torch is."""
    comfyui = os.environ.get("COMFYUI_PATH", str(ROOT / ".comfyui" / "ComfyUI"))
    sys.path.insert(0, comfyui)
    import comfy.cli_args

    comfy.cli_args.args.cpu = True
    import nodes  # noqa: F401


import_comfyui()
import_pack()


@pytest.fixture
def model():
    """A tiny SD3 model as ComfyUI's nodes get it: made, and handed on, in inference mode."""
    import torch
    from tiny_models import tiny_model

    with torch.inference_mode():
        yield tiny_model("sd3")


@pytest.fixture(autouse=True)
def clean_weights():
    """What a test has loaded with patches goes back to its own weights: tests share models."""
    yield
    from comfy import model_management

    if model_management.current_loaded_models:
        model_management.unload_all_models()
