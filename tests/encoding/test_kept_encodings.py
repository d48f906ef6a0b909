"""What was encoded once is not encoded again, after a restart either; and no damaged, foreign or old file does harm."""

import sys
from pathlib import Path

import comfy.sd
import comfy.utils
import folder_paths
import pytest
import torch
from as_comfyui import executed
from concept_sliders.nodes.bucket_making import cache_folder
from concept_sliders.nodes.buckets import BucketLoader
from concept_sliders.nodes.numbers import SliderNumbers
from concept_sliders.slider_core.data import Bucket
from concept_sliders.slider_core.encoding.fingerprint import fingerprint_of
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.append(str(ROOT / "scripts" / "demo" / "custom_nodes"))
from comfyui_tiny_faces.clip import load_clip  # noqa: E402

CHECKPOINT = ROOT / "scripts" / "demo" / "model" / "tiny_faces.safetensors"


def loaded():
    """A VAE and a text encoder, anew, as after a restart."""
    weights = comfy.utils.load_torch_file(str(CHECKPOINT))
    prefix = "first_stage_model."
    of_vae = {name.removeprefix(prefix): w for name, w in weights.items() if name.startswith(prefix)}
    with torch.inference_mode():
        return comfy.sd.VAE(sd=of_vae), load_clip(weights)


@pytest.fixture(scope="module")
def encoders():
    return loaded()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_paths, "input_directory", str(tmp_path))
    monkeypatch.setattr(folder_paths, "user_directory", str(tmp_path / "user"))
    place = tmp_path / "faces"
    place.mkdir()
    for index, name in enumerate("abc"):
        Image.new("RGB", (64, 64), (80 * index, 0, 0)).save(place / f"{name}.png")
        (place / f"{name}.txt").write_text(f"a person with {'red' if index else 'black'} hair")
    return place


@pytest.fixture
def calls(monkeypatch):
    """How often a VAE, and a text encoder, was asked."""
    counted = {"vae": 0, "clip": 0}

    def count(kind, name, which):
        original = getattr(kind, name)

        def run(self, *args, **kwargs):
            counted[which] += 1
            return original(self, *args, **kwargs)

        monkeypatch.setattr(kind, name, run)

    count(comfy.sd.VAE, "encode", "vae")
    count(comfy.sd.CLIP, "encode_from_tokens_scheduled", "clip")
    return counted


def load(encoders, **given):
    settings = {
        "name": "more",
        "slider_strength": 0.5,
        "folder": "faces",
        "captions": "text file",
        "prompt": "",
        "resolution": 64,
        "probability": 1.0,
        "repeats": 1,
        "vae": encoders[0],
        "clip": encoders[1],
        **given,
    }
    with torch.inference_mode():
        (chain,), (report,) = executed(BucketLoader, **{name: [value] for name, value in settings.items()})
    return chain[0].examples, report


def test_a_workflow_that_is_opened_again_encodes_nothing(encoders, folder, calls):
    first, report = load(encoders)
    assert calls == {"vae": 3, "clip": 2} and "kept from before" not in report
    again, report = load(loaded())
    assert calls == {"vae": 3, "clip": 2} and "5 of 5 encodings were kept from before" in report
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one.latent, other.latent) and one.latent.dtype == other.latent.dtype
        assert torch.equal(one.conditioning[0][0], other.conditioning[0][0])
        assert one.conditioning[0][1].keys() == other.conditioning[0][1].keys()


def test_captions_without_their_tokens_neither(encoders, folder, calls):
    """Slider Strength per Picture encodes what is left of captions."""
    for name, strength in zip("abc", (0.5, -0.5, 1), strict=True):
        (folder / f"{name}.txt").write_text(f"a person with red hair (smile:{strength})")
    given = {
        "token": "smile",
        "table": "",
        "scale": "as they are",
        "strongest": 0.5,
        "use": "all",
        "ends": 0.33,
    }

    def graded(encoders):
        examples, _ = load(encoders)
        given_too = {"buckets": (Bucket("faces", examples, 0.5),), "clip": encoders[1], **given}
        with torch.inference_mode():
            executed(SliderNumbers, **{name: [value] for name, value in given_too.items()})

    graded(encoders)
    assert calls == {"vae": 3, "clip": 4}, "three captions with tokens, and the one without"
    graded(loaded())
    assert calls == {"vae": 3, "clip": 4}


def test_a_file_of_another_name_is_the_same_picture(encoders, folder, calls):
    load(encoders)
    (folder / "a.png").rename(folder / "z.png")
    (folder / "a.txt").rename(folder / "z.txt")
    load(encoders)
    assert calls == {"vae": 3, "clip": 2}


def test_only_what_has_changed_is_encoded(encoders, folder, calls):
    load(encoders)
    Image.new("RGB", (64, 64), "blue").save(folder / "a.png")
    (folder / "b.txt").write_text("a person with gray hair")
    load(encoders)
    assert calls == {"vae": 4, "clip": 3}
    load(encoders, resolution=32)
    assert calls == {"vae": 7, "clip": 3}


def test_other_weights_give_other_latents(encoders, folder, calls):
    """A single number of the VAE, or CLIP skip, or a LoRA on the text encoder, and it is asked again."""
    vae, clip = loaded()
    load((vae, clip))
    weight = next(p for p in vae.first_stage_model.parameters() if p.numel() > 5000)
    with torch.inference_mode():
        weight.view(-1)[4999] += 0.5
    load((vae, clip))
    assert calls == {"vae": 6, "clip": 2}
    skipped = clip.clone()
    skipped.clip_layer(-1)
    load((vae, skipped))
    assert calls == {"vae": 6, "clip": 4}
    patched = clip.clone()
    key = next(iter(patched.patcher.model_state_dict()))
    shape = patched.patcher.model_state_dict()[key].shape
    assert patched.add_patches({key: ("diff", (torch.ones(shape),))})
    load((vae, patched))
    assert calls == {"vae": 6, "clip": 6}
    assert fingerprint_of(encoders[1]) == fingerprint_of(clip) != fingerprint_of(patched)


def test_it_can_be_turned_off(encoders, folder, calls):
    for _ in range(2):
        load(encoders, keep_encoded=False)
    assert calls == {"vae": 6, "clip": 4} and not cache_folder().exists()


def test_embeddings_in_a_caption_are_read_each_time(encoders, folder, calls):
    """Their file may have changed."""
    for name in "abc":
        (folder / f"{name}.txt").write_text("embedding:mine, a face")
    for _ in range(2):
        load(encoders)
    assert calls["clip"] == 2


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "text", "other"])
def test_a_damaged_file_is_as_good_as_none(encoders, folder, calls, damage):
    first, _ = load(encoders)
    files = sorted(cache_folder().glob("*/*.safetensors"))
    assert len(files) == 5
    contents = [file.read_bytes() for file in files]
    for file, content in zip(files, contents, strict=True):
        changed = content[:-1] + bytes([content[-1] ^ 1])
        damaged = {
            "cut": content[:-9],
            "changed": changed,
            "empty": b"",
            "text": b"this is text",
            "other": contents[0],
        }
        file.write_bytes(damaged[damage])
    again, _ = load(encoders)
    assert calls["vae"] + calls["clip"] >= 9
    assert all(torch.equal(one.latent, other.latent) for one, other in zip(first, again, strict=True))
    load(encoders)
    assert calls["vae"] + calls["clip"] <= 10, "the damaged files were replaced"


def test_a_folder_that_cannot_be_written_to_costs_nothing_but_time(encoders, folder):
    cache_folder().parent.mkdir(parents=True)
    cache_folder().write_text("a file, where the folder would be")
    examples, report = load(encoders)
    assert len(examples) == 3 and "what was encoded is not kept: " in report
    assert cache_folder().read_text() == "a file, where the folder would be"
