"""What ComfyUI marks on a node before a job, and what a sampling run says of a slider's name."""

import asyncio
import inspect

import execution
import pytest
from concept_sliders import comfy_entrypoint
from concept_sliders.nodes.sweep import SliderSweep
from small_sampling import apply, at, prompt, sample, slider
from tiny_models import shared_model

NODES = asyncio.run(asyncio.run(comfy_entrypoint()).get_node_list())


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.GET_SCHEMA().node_id)
def test_a_node_checks_one_input_so_that_it_alone_is_marked(node):
    """ComfyUI marks every input that `validate_inputs` names as wrong if any is."""
    assert len(inspect.signature(node.validate_inputs).parameters) <= 1


@pytest.mark.parametrize("wrong", [{"strengths": "-2:2"}, {"slider_file": "none.safetensors"}])
def test_a_wrong_input_of_the_sweep_is_marked_alone(wrong, monkeypatch):
    monkeypatch.setitem(execution.nodes.NODE_CLASS_MAPPINGS, "SliderSweep", SliderSweep)
    widgets = {
        widget.id: widget.default
        for widget in SliderSweep.GET_SCHEMA().inputs
        if getattr(widget, "default", None) is not None
    }
    prompt_of_page = {"1": {"class_type": "SliderSweep", "inputs": {**widgets, **wrong}}}
    _, errors, _ = asyncio.run(execution.validate_inputs("prompt", prompt_of_page, "1", {}))
    assert [
        error["extra_info"]["input_name"] for error in errors if error["type"] != "required_input_missing"
    ] == [*wrong]


def test_a_name_that_no_slider_has_is_said():
    model = shared_model("sd3")
    lora, positive = slider("sd3"), prompt("sd3", 1)
    named = apply(apply(model, lora, 0.0, name="smile"), lora, 0.0, name="eyes")
    sample(named, at(positive, "1", "smile"), at(positive, "1", "eyes"))
    with pytest.raises(ValueError, match=r"slider 'smil'.* called 'eyes', 'smile'"):
        sample(named, at(positive, "1", "smil"), positive)
    with pytest.raises(ValueError, match="No slider here has a name"):
        sample(apply(model, lora, 0.0), at(positive, "1", "smile"), positive)
    sample(model, at(positive, "1", "smile"), positive)  # a model without sliders ignores strengths
