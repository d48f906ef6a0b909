"""The names that saved workflows rely on: node ids, sockets, and inputs in their order."""

import asyncio
import json
from pathlib import Path

import nodes as comfy_nodes
import pytest
from concept_sliders import comfy_entrypoint
from concept_sliders.slider_core.training import TrainRequest

NODES = asyncio.run(asyncio.run(comfy_entrypoint()).get_node_list())
SCHEMAS = {node.GET_SCHEMA().node_id: node.GET_SCHEMA() for node in NODES}

SOCKETS = {
    "SliderTargets": (
        ["model", "control_net", "preset", "custom_targets", "exclude"],
        ["SLIDER_TARGETS", "STRING"],
    ),
    "BucketLoader": (
        "name slider_strength folder captions prompt vae clip resolution probability repeats frames images "
        "control_images buckets conditioning latents videos masks names subfolders text_file stride mask_from size_by "
        "megapixels crop minimum_size mirrored keep_encoded".split(),
        ["SLIDER_BUCKETS", "STRING"],
    ),
    "CycleSampler": (
        ["buckets", "cycle", "pairing", "weighting", "neutral", "batch_size", "seed", "one_sided"],
        ["SLIDER_CYCLE", "STRING"],
    ),
    "SliderDataset": (
        ["file", "dataset", "vae", "clip", "config", "buckets", "keep_encoded"],
        ["SLIDER_BUCKETS", "STRING", "SLIDER_BUCKETS", "STRING"],
    ),
    "SliderNumbers": (
        "buckets token table scale strongest use ends numbers clip".split(),
        ["SLIDER_BUCKETS", "STRING"],
    ),
    "SliderPairs": (["cycle", "vae", "most"], ["SLIDER_CYCLE", "IMAGE", "STRING"]),
    "SliderFromWords": (
        "model clip vae more less neutral preserve guidance pictures seed steps cfg sampler_name scheduler".split(),
        ["SLIDER_CYCLE", "SLIDER_BUCKETS", "IMAGE", "STRING"],
    ),
    "SliderTrainer": (
        "model targets cycle file_name steps learning_rate seed kind rank alpha objective".split(),
        ["LORA_MODEL", "LOSS_MAP", "STRING"],
    ),
    "SliderApply": (
        "model control_net slider slider_file strength start_percent end_percent name".split(),
        ["MODEL", "CONTROL_NET", "STRING"],
    ),
    "SliderMixer": (["model", "rows", "strength"], ["MODEL", "STRING"]),
    "SliderStrength": (["conditioning", "strength", "slider"], ["CONDITIONING"]),
    "SliderPromptLibrary": (
        ["clip", "file", "library", "strength"],
        ["SLIDER_PROMPTS", "CONDITIONING", "STRING", "STRING"],
    ),
    "SliderSweep": (
        "model vae negative slider_file strengths seed seeds steps cfg sampler_name scheduler".split(),
        ["IMAGE", "IMAGE", "STRING", "LORA_MODEL"],
    ),
    "SliderSave": (["slider", "file_name", "key_format", "precision", "model"], ["STRING", "STRING"]),
    "SliderLoad": (["slider_file"], ["LORA_MODEL", "STRING"]),
}


def test_every_promised_node_is_there_and_no_core_node_has_its_id():
    assert SCHEMAS.keys() == SOCKETS.keys()
    assert not SCHEMAS.keys() & comfy_nodes.NODE_CLASS_MAPPINGS.keys()


@pytest.mark.parametrize("node_id", SOCKETS)
def test_inputs_and_outputs(node_id):
    inputs, outputs = SOCKETS[node_id]
    schema = SCHEMAS[node_id]
    assert [i.id for i in schema.inputs][: len(inputs)] == inputs
    assert [output.io_type for output in schema.outputs] == outputs


@pytest.mark.parametrize("node_id", SOCKETS)
def test_every_input_and_output_says_what_it_is_for(node_id):
    schema = SCHEMAS[node_id]
    assert schema.description and schema.category == "model/training/slider"
    assert [i.id for i in schema.inputs if not i.tooltip] == []
    assert [o.display_name for o in schema.outputs if not o.tooltip] == []


def test_one_learning_rate_and_number_of_steps_everywhere():
    """On the node, in Python, in the first example workflow (both forms) and where the texts name it."""
    root = Path(__file__).resolve().parent.parent.parent
    defaults = {i.id: i.default for i in SCHEMAS["SliderTrainer"].inputs if i.id in ("steps", "learning_rate")}
    assert defaults == {"steps": 300, "learning_rate": 2e-4}
    assert (TrainRequest.steps, TrainRequest.learning_rate) == (300, 2e-4)

    name = "01_train_a_slider_from_pictures.json"
    api = json.loads((root / "example_workflows" / "api" / name).read_text())
    (train,) = (entry["inputs"] for entry in api.values() if entry["class_type"] == "SliderTrainer")
    assert {key: train[key] for key in defaults} == defaults
    page = json.loads((root / "example_workflows" / name).read_text())
    (node,) = (node for node in page["nodes"] if node["type"] == "SliderTrainer")
    assert node["widgets_values"][1:3] == [300, 2e-4]

    assert "300 steps, learning rate 2e-4" in (root / "README.md").read_text()
    assert "300 steps, learning rate 0.0002" in (root / "web" / "docs" / "SliderTrainer.md").read_text()
