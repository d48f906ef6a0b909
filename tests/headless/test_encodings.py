"""What was encoded once is kept for the next run, unless a config says otherwise."""

import re

import comfy.sd
import folder_paths
import pytest
from headless.demo_config import config_of


@pytest.fixture
def encodings(tmp_path, monkeypatch):
    """Counts what the VAE and the text encoder are asked for; nothing was kept before."""
    monkeypatch.setattr(folder_paths, "user_directory", str(tmp_path / "user"))
    asked = []
    for kind, name in ((comfy.sd.VAE, "encode"), (comfy.sd.CLIP, "encode_from_tokens_scheduled")):
        original = getattr(kind, name)
        counting = lambda *a, call=original, what=name, **k: asked.append(what) or call(*a, **k)  # noqa: E731
        monkeypatch.setattr(kind, name, counting)
    return asked


def test_a_second_run_encodes_nothing(tmp_path, output, train, encodings):
    code, told = train(config_of(tmp_path, steps=1))
    assert code == 0 and encodings.count("encode") == 18 and len(encodings) > 18, told
    assert len(list((tmp_path / "user").rglob("*.safetensors"))) == len(encodings)
    encodings.clear()
    code, told = train(config_of(tmp_path, "[[slider]]\ntrain.seed = 1", steps=1))
    assert code == 0 and not encodings, told
    assert re.search(r"Note: (\d+) of \1 encodings were kept from before", told)
    assert len(list((output / "loras").glob("*.safetensors"))) == 2


def test_without_keep_encoded_nothing_is_kept(tmp_path, train, encodings):
    file = config_of(tmp_path, steps=1)
    file.write_text(file.read_text().replace("resolution = 128", "resolution = 128\nkeep_encoded = false"))
    code, told = train(file, "--dry-run")
    assert code == 0 and encodings.count("encode") == 18, told
    assert not list((tmp_path / "user").rglob("*.safetensors"))
