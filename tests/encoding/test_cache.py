"""A folder of encodings stays small, and keeps what it can."""

import os

import torch
from concept_sliders.slider_core.encoding.cache import Cache, key_of


def test_the_folder_stays_small_and_loses_what_was_not_used_for_longest(tmp_path):
    cache = Cache(tmp_path, most=50_000)
    keys = [key_of(str(index)) for index in range(8)]
    for age, key in enumerate(keys):
        cache.put(key, torch.full((1000,), float(age), dtype=torch.float64))
        os.utime(cache.folder / key[:2] / f"{key}.safetensors", (1000 + age, 1000 + age))
    others = [
        tmp_path / keys[0][:2] / "notes.txt",
        tmp_path / "mine.safetensors",
        tmp_path / "aa" / "b.safetensors",
    ]
    for file in others:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"x" * 60_000)
    assert cache.get(keys[0])[0] == 0.0, "used just now"
    cache.trim()
    assert [key for key in keys if cache.get(key) is not None] == [keys[0], *keys[-5:]]
    assert all(file.exists() for file in others)


def test_links_out_of_the_folder_are_left_alone(tmp_path):
    cache, elsewhere = Cache(tmp_path / "cache", most=10), tmp_path / "mine.safetensors"
    elsewhere.write_bytes(b"x" * 100)
    link = cache.folder / "aa" / f"{'a' * 64}.safetensors"
    link.parent.mkdir(parents=True)
    link.symlink_to(elsewhere)
    cache.trim()
    assert elsewhere.exists() and link.is_symlink()


def test_what_no_file_can_keep_is_not_kept(tmp_path):
    cache = Cache(tmp_path)
    plain = [
        [torch.ones(2, dtype=torch.bfloat16), {"a": None, "b": (1, 2.5, "x"), "c": {"d": [torch.zeros(0)]}}]
    ]
    cache.put(key_of("plain"), plain)
    found = cache.get(key_of("plain"))
    assert found[0][0].dtype == torch.bfloat16 and found[0][1]["b"] == (1, 2.5, "x")
    assert found[0][1]["c"]["d"][0].shape == (0,) and found[0][1]["a"] is None
    for bad in (object(), {1: 2}, lambda: 0, {"a": {torch.ones(1)}}):
        cache.put(key_of("bad"), [torch.ones(1), bad])
        assert cache.get(key_of("bad")) is None
