"""Pictures and a model for configs."""

import pytest
from PIL import Image


@pytest.fixture
def folder(tmp_path):
    for side in ("more", "less"):
        (tmp_path / side).mkdir()
        for name in "ab":
            Image.new("RGB", (8, 8)).save(tmp_path / side / f"{name}.png")
    (tmp_path / "model.safetensors").touch()
    return tmp_path
