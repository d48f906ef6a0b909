"""The whole line in a real ComfyUI server: pictures to slider to pictures, over its API."""

import asyncio
import importlib.util
import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts" / "demo"), str(ROOT / "scripts")]

import install  # noqa: E402
import results  # noqa: E402
import workflow  # noqa: E402
from comfy_server import DemoError, Server, free_port  # noqa: E402

spec = importlib.util.spec_from_file_location("demo_script", ROOT / "scripts" / "demo.py")
demo = importlib.util.module_from_spec(spec)
sys.modules["demo_script"] = demo
spec.loader.exec_module(demo)

pytestmark = pytest.mark.xdist_group("server")  # one server for all

PROMPT = demo.HELD_OUT["curly red"]
FILE = "smile_00001_.safetensors"


class Ground:
    """A running server with the demo's pictures in its input folder."""

    def __init__(self, base: Path):
        self.base, self.loop = base, asyncio.Runner()
        demo.draw_buckets(base / "input" / "demo", demo.CONCEPTS["smile"])
        (base / "custom_nodes").mkdir()
        install.link_pack(base)
        comfyui = Path(os.environ.get("COMFYUI_PATH", ROOT / ".comfyui" / "ComfyUI"))
        paths = ROOT / "scripts" / "demo" / "extra_model_paths.yaml"
        self.server = Server(comfyui, base, paths, free_port(), ["--cpu"])
        self.loop.run(self.server.__aenter__())
        self.schemas = self.loop.run(self.server.schemas())

    def run(self, graph: workflow.Workflow, on_event=lambda kind, data: None) -> dict:
        complete = workflow.completed(graph, self.schemas)
        return self.loop.run(self.server.run(complete, 300, on_event))

    def cancel(self) -> None:
        """What the page's cancel button does."""
        self.loop.get_loop().create_task(self.server.session.post("/interrupt"))

    def files(self, outputs: dict, node: str) -> list[Path]:
        return demo.files_of(outputs, node, self.base)

    def close(self) -> None:
        self.loop.run(self.server.__aexit__())
        self.loop.close()


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    ground = Ground(tmp_path_factory.mktemp("comfyui"))
    yield ground
    ground.close()


@pytest.fixture(scope="module")
def trained(ground):
    """What the page is given when a smile slider is trained and swept in one workflow."""
    graph = {
        **workflow.training("smile", **workflow.DEMO),
        **workflow.sweep({"one": PROMPT, "two": demo.HELD_OUT["short gray"]}, seed=1, seeds=1),
        "nothing": workflow.node("CLIPTextEncode", "Negative prompt", clip=["clip", 0], text=""),
    }
    graph["sweep"]["inputs"]["strengths"] = "-1.5:1.5:3"
    return ground.run(graph)


def test_fifteen_steps_without_a_rate_make_a_smile_slider_that_leaves_the_rest_alone(ground, trained):
    """The demo's settings: the rate is found, training stops by itself, and the smile goes nearly all the way."""
    measured = results.read("smile", ground.files(trained, "frames"), [-1.5, 0.0, 1.5])
    frown, plain, smile = measured.means()
    assert frown + 0.6 < plain < smile - 0.6, measured.found["smile"]
    for name, moved in measured.leak().items():
        assert moved.max() <= 0.4 if name in results.NUMBERS else moved.max() == 0, (name, moved)


def test_the_stock_lora_loader_makes_the_same_picture_of_the_file(ground, trained):
    graph = {
        "checkpoint": workflow.node("CheckpointLoaderSimple", "Load Checkpoint", ckpt_name=workflow.CHECKPOINT),
        "clip": workflow.node("TinyFacesCLIPLoader", "Text encoder", ckpt_name=workflow.CHECKPOINT),
        **workflow.apply(PROMPT, strength=1.5, seed=3, count=1),
    }
    from_file = {"model": ["checkpoint", 0], "slider_file": FILE, "strength": 1.5}
    graph["apply"] = workflow.node("SliderApply", "Apply Slider", **from_file)
    ours = ground.run(graph)
    stock = {"model": ["checkpoint", 0], "lora_name": FILE, "strength_model": 1.5}
    graph["apply"] = workflow.node("LoraLoaderModelOnly", "LoRA", **stock)
    theirs = ground.run(graph)
    pictures = [
        np.asarray(Image.open(ground.files(outputs, "save")[0]), np.int16) for outputs in (ours, theirs)
    ]
    assert np.abs(pictures[0] - pictures[1]).max() <= 1
    assert "not loaded" not in ground.server.log.read_text()


def picture(ground, attempt):
    """The base model's picture, made by stock nodes, not taken from the cache: each attempt differs by nothing."""
    graph = workflow.apply(PROMPT, strength=1.0, seed=11, count=1)
    del graph["apply"]
    graph["checkpoint"] = workflow.node(
        "CheckpointLoaderSimple", "Load Checkpoint", ckpt_name=workflow.CHECKPOINT
    )
    graph["clip"] = workflow.node("TinyFacesCLIPLoader", "Text encoder", ckpt_name=workflow.CHECKPOINT)
    graph["sample"]["inputs"]["model"] = ["checkpoint", 0]
    graph["sample"]["inputs"]["cfg"] = 2.5 + attempt * 1e-9
    return np.asarray(Image.open(ground.files(ground.run(graph), "save")[0]))


def test_cancel_keeps_what_was_trained_leaves_the_model_alone_and_the_next_run_goes_on(ground):
    before = picture(ground, 1)
    graph = workflow.training("kept", steps=80, learning_rate=1e-3, neutral="off")
    graph["train"]["inputs"] |= {"resume": "continue", "seed": 3, "checkpoint_every": 50}

    told = []

    def cancel_after_ten(kind, data):  # the server does not tell of every step
        if kind == "progress" and data["node"] == "train" and data["value"] >= 10:
            told.append(data["value"])
            if len(told) == 1:
                ground.cancel()

    with pytest.raises(DemoError, match="cancelled"):
        ground.run(graph, cancel_after_ten)
    (kept,) = (ground.base / "output" / "loras").glob("kept_*_stopped_at_*.safetensors")
    assert np.array_equal(before, picture(ground, 2))

    (report,) = ground.run(graph)["train"]["text"]
    stopped_at = kept.stem.rpartition("_")[2]
    assert f"Continued from step {stopped_at} of 80." in report and 10 <= int(stopped_at) < 80
    assert np.array_equal(before, picture(ground, 3))


def test_the_pack_is_imported_in_no_time(ground):
    (seconds,) = re.findall(r"([\d.]+) seconds: .*[\\/]concept-sliders$", ground.server.log.read_text(), re.M)
    assert float(seconds) <= 0.3


EXAMPLES = sorted((ROOT / "example_workflows" / "api").glob("*.json"))
ONE_STEP = {
    "SliderTrainer": "steps",
    "KSampler": "steps",
    "SliderSweep": "steps",
    "SliderFromWords": "pictures",
}


@pytest.mark.parametrize("file", EXAMPLES, ids=[file.stem for file in EXAMPLES])
def test_every_example_runs_on_what_comes_along(ground, file):
    """As it is shipped, but for the steps; where it names a large model, with the changes that its note names."""
    graph = json.loads(file.read_text(encoding="utf-8"))
    large = "sd_xl_base" in file.read_text(encoding="utf-8")
    for entry in graph.values():
        kind, inputs = entry["class_type"], entry["inputs"]
        if kind in ONE_STEP:
            inputs |= {
                ONE_STEP[kind]: 1,
                **({"preview_every": 1, "preview_steps": 1} if "preview_every" in inputs else {}),
            }
        if large and kind == "CheckpointLoaderSimple":
            inputs["ckpt_name"] = workflow.CHECKPOINT
        if large and kind == "PrimitiveInt":
            inputs["value"] = 128
        if kind == "SliderTrainer" and "vae" not in inputs:
            inputs["preview_every"] = 0
    outputs = ground.run(graph)
    (sweep,) = (number for number, entry in graph.items() if entry["class_type"] == "SliderSweep")
    assert outputs[sweep]["slider_sweep"] and outputs[sweep]["images"]


def test_a_node_that_fails_is_named_with_its_own_words(ground):
    (ground.base / "input" / "demo" / "empty").mkdir(exist_ok=True)
    graph = workflow.training("smile", steps=1, learning_rate=1e-3, neutral="off")
    graph["negative"]["inputs"]["folder"] = "demo/empty"
    with pytest.raises(DemoError, match="Load Slider Bucket: less failed: .*(?s:empty)"):
        ground.run(graph)


def test_a_workflow_that_the_server_refuses_says_why(ground):
    graph = workflow.training("smile", steps=1, learning_rate=1e-3, neutral="off")
    graph["positive"]["inputs"]["folder"] = "demo/nowhere"
    with pytest.raises(DemoError, match="(?s)Load Slider Bucket: more: .*demo/nowhere"):
        ground.run(graph)


def test_a_training_goes_on_to_the_same_slider_after_its_server_was_killed(ground):
    def training(name):
        graph = workflow.training(name, steps=40, learning_rate=1e-3, neutral="off")
        graph["train"]["inputs"] |= {"resume": "continue", "seed": 5, "checkpoint_every": 5}
        return graph

    def kill_after_twelve(kind, data):
        if kind == "progress" and data["node"] == "train" and data["value"] >= 12:
            ground.server.process.kill()

    ground.run(training("whole"))
    with pytest.raises(DemoError, match="server ended"):
        ground.run(training("killed"), kill_after_twelve)
    ground.loop.run(ground.server.__aenter__())
    (report,) = ground.run(training("killed"))["train"]["text"]
    (step,) = re.findall(r"Continued from step (\d+) of 40", report)
    assert int(step) >= 10 and int(step) % 5 == 0
    whole, killed = (
        load_file(next((ground.base / "output" / "loras").glob(f"{n}_*.safetensors")))
        for n in ("whole", "killed")
    )
    assert all(torch.equal(whole[key], killed[key]) for key in whole | killed)


def test_a_server_that_died_is_told_from_one_that_works(ground):
    """Last: it ends the server."""
    ground.server.process.terminate()
    ground.server.process.wait()
    with pytest.raises(DemoError, match="server ended .*exit code"):
        ground.run(workflow.training("smile", steps=1, learning_rate=1e-3, neutral="off"))
