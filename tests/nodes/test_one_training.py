"""Whole workflows in ComfyUI's executor: lists of its dataset nodes end in one training and one file.

Its executor runs a node once for each value of a list, unless the node takes lists. Six pictures became six trainings
of one picture each, and six files.
"""

import asyncio
import shutil
import sys
from pathlib import Path

import folder_paths
import nodes as comfy_nodes
import pytest
from as_comfyui import run_workflow
from comfy_extras import nodes_dataset
from concept_sliders.nodes import SliderExtension
from concept_sliders.nodes.buckets import NO_FOLDER
from concept_sliders.slider_core.files import load, read_facts
from concept_sliders.slider_core.runs import run as runs

DEMO = Path(__file__).resolve().parents[2] / "scripts" / "demo"
sys.path.insert(0, str(DEMO))

import workflow  # noqa: E402

CORE = (
    nodes_dataset.LoadImageDataSetFromFolderNode,
    nodes_dataset.LoadImageTextDataSetFromFolderNode,
    nodes_dataset.MakeTrainingDataset,
    nodes_dataset.ResolutionBucket,
    nodes_dataset.SaveTrainingDataset,
    nodes_dataset.LoadTrainingDataset,
)
SIDES = {"positive": 0.5, "negative": -0.5}


@pytest.fixture
def output(offered, tmp_path, monkeypatch):
    """An output folder; the faces that come along are in the input folder, in pairs of six."""
    for node_class in [*asyncio.run(SliderExtension().get_node_list()), *CORE]:
        monkeypatch.setitem(comfy_nodes.NODE_CLASS_MAPPINGS, node_class.GET_SCHEMA().node_id, node_class)
    for kind in ("input", "output"):
        monkeypatch.setattr(folder_paths, f"{kind}_directory", str(tmp_path / kind))
    monkeypatch.setitem(folder_paths.folder_names_and_paths, "datasets", ([str(tmp_path / "datasets")], set()))
    for side in SIDES:
        shutil.copytree(DEMO / "pictures" / "smile" / side, tmp_path / "input" / "faces" / side)
    return tmp_path / "output"


@pytest.fixture
def run(output):
    """Runs a workflow with every widget that it leaves out at its default."""
    schemas = {name: node.GET_NODE_INFO_V1() for name, node in comfy_nodes.NODE_CLASS_MAPPINGS.items()
               if hasattr(node, "GET_NODE_INFO_V1")}  # fmt: skip
    schemas["CheckpointLoaderSimple"] = {"input": {}}
    return lambda graph: run_workflow(workflow.completed(graph, schemas))


@pytest.fixture
def trainings(monkeypatch):
    """How many pictures of each bucket every training had."""
    found, train = [], runs.train

    def watched(request, *others):
        found.append({bucket.name: len(bucket.examples) for bucket in request.cycle.buckets})
        return train(request, *others)

    monkeypatch.setattr(runs, "train", watched)
    return found


def training(positive, negative):
    """The demo's workflow, for two steps, with something connected to the bucket of each side."""
    graph = workflow.training("smile", steps=2, learning_rate=1e-3)
    del graph["clip"]
    connected = {"clip": ["checkpoint", 1], "folder": NO_FOLDER, "captions": "prompt", "prompt": "a person"}
    graph["positive"]["inputs"] |= {**connected, **positive}
    graph["negative"]["inputs"] |= {**connected, **negative}
    return graph


def check_one(output, trainings):
    """There was one training, of all pictures, and one slider."""
    assert trainings == [{"positive": 6, "negative": 6}]
    (file,) = (output / "loras").glob("*.safetensors")
    facts, _ = read_facts(load(file).metadata)
    assert facts.steps == 2 and facts.buckets == (("positive", 6, 0.5), ("negative", 6, -0.5))


def test_a_list_of_pictures_is_one_training(output, run, trainings):
    """Load Image (from Folder), with and without its texts."""
    graph = training(
        positive={"images": ["load positive", 0]},
        negative={"images": ["load negative", 0], "prompt": ["load negative", 1]},
    )
    graph["load positive"] = workflow.node("LoadImageDataSetFromFolder", "", folder="faces/positive")
    graph["load negative"] = workflow.node("LoadImageTextDataSetFromFolder", "", folder="faces/negative")
    shown = run(graph)
    check_one(output, trainings)
    assert (
        len(shown["train"]["text"]) == 1 and "6 of 6 positive pictures, by order" in shown["cycle"]["text"][0]
    )


@pytest.mark.parametrize("sorted_by_size", [False, True])
def test_a_list_of_latents_is_one_training(output, run, trainings, sorted_by_size):
    """Make Training Dataset, saved and loaded again by ComfyUI's own nodes; also through Resolution Bucket."""
    graph = {"checkpoint": training({}, {})["checkpoint"]}
    for side in SIDES:
        graph[f"load {side}"] = workflow.node("LoadImageTextDataSetFromFolder", "", folder=f"faces/{side}")
        graph[f"make {side}"] = workflow.node(
            "MakeTrainingDataset", "", images=[f"load {side}", 0], texts=[f"load {side}", 1],
            vae=["checkpoint", 2], clip=["checkpoint", 1],
        )  # fmt: skip
        graph[f"save {side}"] = workflow.node(
            "SaveTrainingDataset", "", latents=[f"make {side}", 0], conditioning=[f"make {side}", 1],
            folder_name=side, shard_size=4,
        )  # fmt: skip
    run(graph)
    last = "sort" if sorted_by_size else "load"
    graph = training(
        **{side: {"latents": [f"{last} {side}", 0], "conditioning": [f"{last} {side}", 1]} for side in SIDES}
    )
    for side in SIDES:
        graph[f"load {side}"] = workflow.node("LoadTrainingDataset", "", folder_name=side)
        if sorted_by_size:
            graph[f"sort {side}"] = workflow.node(
                "ResolutionBucket", "", latents=[f"load {side}", 0], conditioning=[f"load {side}", 1]
            )
    run(graph)
    check_one(output, trainings)
