"""Small config files, and what is read of them or wrong with them."""

from pathlib import Path

import pytest
from concept_sliders.slider_core.config import ConfigError, read_config

DEMO = Path(__file__).resolve().parent.parent.parent / "scripts" / "demo"


class Nowhere:
    """No ComfyUI folders, but for one VAE."""

    def find(self, kind, name):
        return Path("/models/vae/ae.safetensors") if (kind, name) == ("vae", "ae.safetensors") else None

    def names(self, kind):
        return ["ae.safetensors"] if kind == "vae" else []

    def data(self):
        return []

    def add(self, path):
        assert path.is_file()


BUCKETS = """
[[bucket]]
name = "more"
folder = "more"
[[bucket]]
name = "less"
slider_strength = -0.5
folder = "less"
"""
MODEL = '[model]\ncheckpoint = "model.safetensors"\n'
WHOLE = f"{MODEL}{BUCKETS}"


def read(folder, text, name="config.toml"):
    (folder / name).write_text(text, encoding="utf-8")
    return read_config(folder / name, Nowhere())


def faults(folder, text, name="config.toml"):
    with pytest.raises(ConfigError) as error:
        read(folder, text, name)
    return [line.strip() for line in str(error.value).splitlines()]
