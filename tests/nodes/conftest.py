"""Folders of their own for what nodes read and write."""

import folder_paths
import pytest
from PIL import Image
from safetensors.torch import save_file
from small_sampling import slider


@pytest.fixture
def output(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "output_directory", str(tmp_path))
    return tmp_path


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Three sliders of different weights in a LoRA folder, for Slider Mixer."""
    monkeypatch.setitem(folder_paths.folder_names_and_paths, "loras", ([str(tmp_path)], {".safetensors"}))
    (tmp_path / "hair").mkdir()
    for seed, name in enumerate(("smile", "age", "hair/curly")):
        save_file(slider("sd3", seed), tmp_path / f"{name}.safetensors")
    return tmp_path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three pictures with captions in the input folder, and a datasets folder."""
    monkeypatch.setattr(folder_paths, "input_directory", str(tmp_path))
    monkeypatch.setitem(folder_paths.folder_names_and_paths, "datasets", ([str(tmp_path / "datasets")], set()))
    place = tmp_path / "faces"
    place.mkdir()
    for index, (name, size) in enumerate({"a": (64, 64), "b": (128, 64), "c": (64, 64)}.items()):
        Image.new("RGB", size, (90 * index, 0, 0)).save(place / f"{name}.png")
        (place / f"{name}.txt").write_text(f"face {name}")
    return place
