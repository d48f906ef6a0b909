"""Slider Mixer in workflows of the API: what a script or another program queues."""

import asyncio
import json

import nodes as comfy_nodes
import pytest
import torch
from as_comfyui import run_workflow
from comfy_api.latest import io
from comfy_extras import nodes_primitive
from concept_sliders.nodes import SliderExtension
from mixed import ROWS, chain, mixed
from small_sampling import prompt, sample
from tiny_models import shared_model

pytestmark = pytest.mark.usefixtures("files")


@pytest.fixture
def model():
    with torch.inference_mode():
        yield shared_model("sd3")


class TinyModel(io.ComfyNode):
    """Stands in for a checkpoint loader."""

    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="TinyModel", inputs=[], outputs=[io.Model.Output()])

    @classmethod
    def execute(cls):
        return io.NodeOutput(shared_model("sd3"))


class Keep(io.ComfyNode):
    """An output node that keeps the models it gets."""

    models: list = []

    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="Keep", is_output_node=True, inputs=[io.Model.Input("model")], outputs=[])

    @classmethod
    def execute(cls, model):
        Keep.models.append(model)
        return io.NodeOutput()


@pytest.fixture
def run_prompt(monkeypatch):
    """Checks and runs a workflow of the API as the server does; the model that it ends with."""
    ours = asyncio.run(SliderExtension().get_node_list())
    for node in [*ours, TinyModel, Keep, nodes_primitive.Float]:
        monkeypatch.setitem(comfy_nodes.NODE_CLASS_MAPPINGS, node.GET_SCHEMA().node_id, node)

    def run(graph):
        run_workflow(graph)
        return Keep.models.pop()

    return run


def workflow(**mixer):
    """Rows are given as {"__value__": ROWS}, or as text."""
    return {
        "model": {"class_type": "TinyModel", "inputs": {}},
        "mixer": {"class_type": "SliderMixer", "inputs": {"model": ["model", 0], **mixer}},
        "keep": {"class_type": "Keep", "inputs": {"model": ["mixer", 0]}},
    }


@pytest.mark.parametrize("rows", [{"__value__": ROWS}, json.dumps(ROWS)], ids=["list", "text"])
def test_a_workflow_of_the_api_equals_the_chain(model, run_prompt, rows):
    positive, negative = prompt("sd3", 1), prompt("sd3", 2)
    expected = sample(chain(model), positive, negative)
    assert torch.equal(sample(run_prompt(workflow(rows=rows)), positive, negative), expected)


def test_a_workflow_of_the_api_has_counter_doses(model, run_prompt):
    positive, negative = prompt("sd3", 1), prompt("sd3", 2)
    rows, effects = [ROWS[0], {"file": "age.safetensors", "strength": 0.2}], "smile: age 0.2"
    expected = sample(mixed(model, rows, cross_effects=effects), positive, negative)
    got = sample(run_prompt(workflow(rows={"__value__": rows}, cross_effects=effects)), positive, negative)
    assert torch.equal(got, expected)
    assert not torch.equal(got, sample(chain(model, rows), positive, negative))


def test_a_float_by_link_drives_all_strengths_and_that_of_apply_slider(model, run_prompt):
    """What XY tools of other packs do: a number from another node."""
    positive, negative = prompt("sd3", 1), prompt("sd3", 2)
    graph = workflow(rows={"__value__": ROWS}, strength=["number", 0])
    graph["number"] = {"class_type": "PrimitiveFloat", "inputs": {"value": 0.5}}
    half = [{**row, "strength": row["strength"] * 0.5} for row in ROWS]
    expected = sample(chain(model, half), positive, negative)
    assert torch.equal(sample(run_prompt(graph), positive, negative), expected)

    graph["mixer"] = {
        "class_type": "SliderApply",
        "inputs": {"model": ["model", 0], "slider_file": "smile.safetensors", "strength": ["number", 0],
                   "start_percent": 0.0, "end_percent": 1.0, "name": ""},
    }  # fmt: skip
    smile = [{"file": "smile.safetensors", "strength": 0.5}]
    assert torch.equal(
        sample(run_prompt(graph), positive, negative), sample(chain(model, smile), positive, negative)
    )
