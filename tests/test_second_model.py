"""The second model of the benchmarks: it predicts noise, and knows words for smile and eyes."""

import json
import sys
from pathlib import Path

import numpy
import pytest
import torch
from import_path import in_comfyui

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "benchmarks"))


def test_the_second_model_predicts_noise_from_captions_that_name_smile_and_eyes(tmp_path):
    """As it begins here: SD3 to the pack but for what it predicts; pictures and words train on it."""
    import sliders
    import tiny_noise
    from concept_sliders.slider_core.architectures import select
    from train_noise import caption_numbers, save

    torch.manual_seed(0)
    save(tiny_noise.from_demo(), tmp_path / "noise.safetensors")
    ground = sliders.load_ground("noise", tmp_path / "noise.safetensors")
    assert select(ground.model).family == "SD3" and ground.model.model.model_type.name == "EPS"
    smiling, frowning = (ground.text(f"a {mood} person")[0][0] for mood in ("smiling", "frowning"))
    assert not torch.equal(smiling, frowning)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sliders.methods, "STEPS", 1)
        for name in ("words, preserve", "words and pictures", "LECO"):
            method = sliders.methods.METHODS[name]
            slider, _ = sliders.methods.trained(ground, "smile", sliders.Setup(pictures=1), method, seed=0)
            assert all(bool(torch.isfinite(tensor).all()) for tensor in slider.values()), name

    from named_faces import NAMED, entangled_faces, named_caption

    faces = entangled_faces(600, seed=1)
    assert numpy.corrcoef([f.smile for f in faces], [f.eye_brightness for f in faces])[0, 1] > 0.4
    assert named_caption("a person with tan skin", smile="smiling", eye_size="large") == (
        "a smiling person with large eyes, tan skin"
    )
    numbers = caption_numbers(faces, seed=2)
    said = (numbers == tiny_noise.VOCABULARY.index("smiling")) | (
        numbers == tiny_noise.VOCABULARY.index("calm")
    )
    said |= numbers == tiny_noise.VOCABULARY.index("frowning")
    assert float(said.any(-1).float().mean()) == pytest.approx(NAMED["smile"], abs=0.05)


def test_before_it_is_trained_on_the_second_model_sees_what_the_demos_does(tmp_path):
    """The denoised picture of one noised latent, once from the velocity and once from the noise."""
    import sliders
    import tiny_noise
    from comfy.model_sampling import ModelSamplingDiscrete
    from concept_sliders.slider_core.gradients.trainable import trainable
    from concept_sliders.slider_core.training.model_call import ModelCalls
    from train_noise import save

    save(tiny_noise.from_demo(), tmp_path / "noise.safetensors")
    random = torch.Generator().manual_seed(0)
    latent, noise = torch.randn(2, 1, 16, 16, 16, generator=random)
    ratio = ModelSamplingDiscrete().sigmas[[300, 900]].float()
    seen = []
    for name, sigmas in (("flow", ratio / (1 + ratio)), ("noise", ratio)):
        ground = sliders.load_ground(name, tmp_path / "noise.safetensors")
        row = ground.text("a person with long red hair, blue background")
        with trainable(ground.model), torch.no_grad():
            calls = ModelCalls(ground.model)
            example = sliders.grounds.Example("a", "a", latent, row)
            x = (
                calls.noised(latent, noise, sigmas)
                if name == "flow"
                else latent + sigmas.reshape(-1, 1, 1, 1) * noise
            )
            prediction = calls.predict([calls.row(example)] * 2, x.expand(2, -1, -1, -1), sigmas)
            seen.append(calls.sampling.calculate_denoised(sigmas, prediction, x))
    torch.testing.assert_close(seen[0], seen[1], rtol=1e-2, atol=1e-2)


def test_the_second_model_is_made_with_weights_where_dynamic_vram_leaves_them_to_the_loader(monkeypatch):
    """ComfyUI's layers are made empty on a card with dynamic VRAM, to be filled from a file."""
    import sliders  # noqa: F401
    import tiny_noise
    from comfy import memory_management
    from train_flow import FaceModel

    monkeypatch.setattr(memory_management, "aimdo_enabled", True)
    for made in (tiny_noise.NamedFaceModel(), FaceModel()):
        assert all(
            isinstance(module.weight, torch.nn.Parameter)
            for module in made.modules()
            if isinstance(module, torch.nn.Linear | torch.nn.Embedding)
        )


def test_the_second_model_is_drawn_trained_and_checked_unattended(tmp_path):
    small = "--seconds 1 --pictures 6 --batch 2 --checked 1 --workers 1".split()
    in_comfyui("--cpu", ROOT / "scripts" / "demo" / "train_noise.py", *small, "--output", tmp_path)
    learned = json.loads((tmp_path / "noise.json").read_text())
    assert learned["recipe"]["steps"] > 0 and set(learned["words"]) >= {"smiling", "frowning"}
    assert (tmp_path / "tiny_noise.safetensors").is_file() and (tmp_path / "words.png").is_file()
