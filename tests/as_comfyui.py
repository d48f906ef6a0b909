"""Runs nodes as ComfyUI's executor does: every input a list of values, one run a value or one for the whole list.

And what stands in for a VAE and a CLIP where no model is needed.
"""

import asyncio
import json

import execution
import torch


def executed(node, **inputs):
    """Runs a node on lists of values.

    Returns:
        for each output, the list of its values.
    """
    data = {"hidden_inputs": {}}
    instance = node()
    outputs, _, _, pending = asyncio.run(
        execution.get_output_data("prompt", "1", instance, inputs, v3_data=data)
    )
    assert not pending
    return outputs


def validated(node, **inputs):
    """What ComfyUI's check before a job says of a node's inputs: a list of errors, empty for none."""
    node_id = node.GET_SCHEMA().node_id
    execution.nodes.NODE_CLASS_MAPPINGS[node_id] = node
    try:
        prompt = {"1": {"class_type": node_id, "inputs": inputs}}
        _, errors, _ = asyncio.run(execution.validate_inputs("prompt", prompt, "1", {}))
    finally:
        del execution.nodes.NODE_CLASS_MAPPINGS[node_id]
    return [f"{error['message']} {error['details']}" for error in errors]


class Server:
    """What the executor tells of a job goes nowhere."""

    client_id = last_node_id = last_prompt_id = None

    def send_sync(self, event, data, sid=None):
        pass


def run_workflow(graph):
    """Checks and runs a workflow of the API as the server does.

    Returns:
        what each output node shows on the page, by the node's name in the workflow.
    """
    graph = json.loads(json.dumps(graph))
    valid, error, outputs, errors = asyncio.run(execution.validate_prompt("1", graph, None))
    assert valid, (error, errors)
    executor = execution.PromptExecutor(Server(), cache_args={"lru": 0, "ram": 0, "ram_inactive": 0})
    executor.execute(graph, "1", {}, outputs)
    assert executor.success, executor.status_messages
    return executor.history_result["outputs"]


class Vae:
    """Stands in for ComfyUI's: every 8 x 8 pixels become one latent pixel."""

    def spacial_compression_encode(self):
        return 8

    def encode(self, pixels):
        return pixels.movedim(-1, 1)[:, :, ::8, ::8].repeat(1, 2, 1, 1)[:, :4]


class Clip:
    encoded = 0

    def tokenize(self, text):
        return text

    def encode_from_tokens_scheduled(self, tokens):
        Clip.encoded += 1
        return [[torch.full((1, 2, 3), len(tokens)), {}]]
