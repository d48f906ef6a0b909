"""The drawn faces, the shipped tiny model in ComfyUI's own nodes, and the network that measures its pictures."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts" / "demo"), str(ROOT / "scripts" / "demo" / "custom_nodes")]

import comfy_server  # noqa: E402
import folder_paths  # noqa: E402
import measure  # noqa: E402
import nodes  # noqa: E402
import results  # noqa: E402
import workflow  # noqa: E402
from draw_faces import draw, draw_many  # noqa: E402
from faces import Face, pair, random_faces  # noqa: E402

MODEL = ROOT / "scripts" / "demo" / "model"


@pytest.fixture(scope="module")
def tiny():
    """Model, text encoder and VAE of the shipped checkpoint."""
    from comfyui_tiny_faces import TinyFacesCLIPLoader

    folder_paths.add_model_folder_path("checkpoints", str(MODEL))
    with torch.inference_mode():
        model, _, vae = nodes.CheckpointLoaderSimple().load_checkpoint(workflow.CHECKPOINT)
        return model, TinyFacesCLIPLoader.execute(workflow.CHECKPOINT).result[0], vae


def test_equal_faces_give_equal_pictures_and_a_smile_moves_only_the_mouth():
    assert random_faces(3, seed=5) == random_faces(3, seed=5) != random_faces(3, seed=6)
    smiling, frowning = pair(Face(glasses=True, style="curly"), 0.9)
    assert np.array_equal(draw(smiling), draw(replace(frowning, smile=0.9)))
    changed = np.abs(draw(smiling) - draw(frowning)).max(axis=-1) > 0.02
    rows, columns = np.nonzero(changed)
    assert changed.mean() > 0.01, "the mouth is large enough to be seen"
    assert rows.min() > 80 and 40 < columns.min() and columns.max() < 88


def test_captions_name_what_they_should_and_nothing_else():
    face = Face(hair="red", style="long", skin="tan", shirt="white", background="blue", glasses=True)
    assert face.caption() == "a person with long red hair, tan skin, white shirt, glasses, blue background"
    assert replace(face, smile=1.0, eye_brightness=0.0, eye_size=1.2, x=0.05).caption() == face.caption()


def test_everything_shipped_is_at_most_15_mb():
    assert sum(file.stat().st_size for file in MODEL.iterdir()) <= 15_000_000


def test_the_vae_keeps_faces_and_the_network_measures_them(tiny):
    faces = random_faces(20, seed=77)
    drawn = torch.from_numpy(draw_many(faces)) / 255
    with torch.inference_mode():
        seen = nodes.VAEDecode().decode(tiny[2], nodes.VAEEncode().encode(tiny[2], drawn)[0])[0]
    psnr = -10 * (seen - drawn).square().mean(dim=(1, 2, 3)).log10().mean()
    assert psnr > 36
    right = measure.accuracy(measure.measure(measure.load(), seen), faces)
    assert all(right[name] > 0.95 for name in measure.NUMBERS), right
    assert all(right[name] > 0.9 for name in measure.CHOICES), right


def test_stock_nodes_sample_it_and_prompts_are_followed(tiny):
    model, clip, vae = tiny
    faces = random_faces(8, seed=11)
    encode, pictures = nodes.CLIPTextEncode().encode, []
    with torch.inference_mode():
        for seed, face in enumerate(faces):
            latent = {"samples": torch.zeros(1, 16, 16, 16)}
            prompt, nothing = encode(clip, face.caption())[0], encode(clip, "")[0]
            out = nodes.KSampler().sample(model, seed, 20, 2.5, "euler", "simple", prompt, nothing, latent)[0]
            pictures.append(nodes.VAEDecode().decode(vae, out)[0])
    found = measure.measure(measure.load(), torch.cat(pictures))
    right = measure.accuracy(found, faces)
    assert all(right[name] >= 7 / 8 for name in measure.CHOICES), right
    assert found["smile"].std() > 0.25, "what captions do not name still varies"


def test_weights_in_brackets_work_and_unknown_words_are_left_out(tiny):
    encode = nodes.CLIPTextEncode().encode
    with torch.inference_mode():
        plain, weighted, unknown = (
            encode(tiny[1], text)[0][0][0]
            for text in (
                "a person with red hair",
                "a person with (red:1.3) hair",
                "a jolly person with red hair",
            )
        )
    changed = (plain - weighted).abs().amax(dim=(0, 2)) > 1e-6
    assert changed.nonzero().flatten().tolist() == [3], "only the weighted word changes"
    assert torch.equal(plain, unknown)


STRENGTHS = [-1.0, 0.0, 1.0]


def swept(smiles: list[list[float]]) -> results.Results:
    rows = len(smiles)
    found = {name: np.zeros((rows, 3)) for name in measure.NUMBERS}
    found |= {name: np.full((rows, 3), names[0]) for name, names in measure.CHOICES.items()}
    found["smile"] = np.array(smiles)
    return results.Results("smile", STRENGTHS, found)


def test_results_tell_a_slider_that_works_from_one_that_does_not():
    assert swept([[-0.8, 0.0, 0.9], [-0.5, 0.3, 0.8]]).monotonic()
    assert not swept([[-0.8, 0.0, 0.0], [-0.5, 0.3, 0.2]]).monotonic(), "one direction only"
    assert not swept([[0.8, 0.0, -0.9]]).monotonic(), "the wrong way round"
    assert not swept([[-0.05, 0.0, 0.05]]).monotonic(), "no clear change"


def test_results_measure_the_leak():
    moved = swept([[-0.8, 0.0, 0.9], [-0.5, 0.3, 0.8]])
    moved.found["eye_size"][:, 2] = 2 * measure.NUMBERS["eye_size"][1]
    moved.found["hair"][0, 0] = "red"
    assert moved.leak()["eye_size"].tolist() == [0.0, 0.0, 2.0]
    assert moved.leak()["hair"].tolist() == [0.5, 0.0, 0.0]
    assert moved.rows()[0][:2] == ["strength", "smile"] and len(moved.rows()) == 4
    table = results.as_text(moved.rows()).splitlines()
    assert len({len(line) for line in table}) == 1


def test_a_refused_workflow_is_explained_by_the_titles_of_its_nodes():
    graph = {"7": workflow.node("BucketLoader", "More of it", folder="nowhere")}
    errors = {"7": {"errors": [{"message": "Custom validation failed", "details": "no folder 'nowhere'"}]}}
    text = comfy_server.refusal({"error": {"message": "invalid"}, "node_errors": errors}, graph)
    assert text == "  More of it: Custom validation failed no folder 'nowhere'"


def test_a_port_in_use_is_named():
    import socket

    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        with pytest.raises(comfy_server.DemoError, match=f"Port {busy.getsockname()[1]} .*--port"):
            comfy_server.free_port(busy.getsockname()[1])


EXAMPLES = sorted((ROOT / "example_workflows").glob("*.json"))


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_example_workflows_fit_the_nodes(file):
    """Names and order of inputs; that they open is checked in a browser by scripts/demo/example_workflows.py."""
    from comfyui_tiny_faces import TinyFacesCLIPLoader
    from concept_sliders.nodes import SliderExtension

    page, api = json.loads(file.read_text()), json.loads((file.parent / "api" / file.name).read_text())
    known = {kind.define_schema().node_id: kind for kind in [*ours(SliderExtension), TinyFacesCLIPLoader]}
    for entry in api.values():
        kind = known.get(entry["class_type"])
        if kind is not None:
            inputs = kind.INPUT_TYPES()
            names = set(inputs["required"]) | set(inputs.get("optional", {}))
            assert set(inputs["required"]) <= set(entry["inputs"]) <= names, entry["_meta"]["title"]
    shown = {str(node["id"]): node["type"] for node in page["nodes"] if node["type"] != "MarkdownNote"}
    assert shown == {number: entry["class_type"] for number, entry in api.items()}


def ours(extension) -> list:
    import asyncio

    return asyncio.run(extension().get_node_list())
