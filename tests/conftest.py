"""Makes ComfyUI, on the CPU, and this pack importable."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

from in_comfyui import import_comfyui, import_pack  # noqa: E402

import_comfyui(["--cpu"])
import_pack()


@pytest.fixture
def model():
    """A tiny SD3 model as ComfyUI's nodes get it: made, and handed on, in inference mode."""
    import torch
    from tiny_models import tiny_model

    with torch.inference_mode():
        yield tiny_model("sd3")
