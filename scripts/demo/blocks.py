"""The blocks of subgraphs/: one node each, ready to use, with the nodes of this pack inside."""

from __future__ import annotations

from dataclasses import dataclass

import workflow
from workflow import Workflow, changed, node, without

Places = list[tuple[str, str]]  # a node and one of its inputs or outputs


@dataclass(frozen=True)
class Block:
    """A subgraph.

    Attributes:
        inputs: sockets and widgets of the block, with what each is connected to inside.
        outputs: with what gives it inside.
        columns: the nodes inside, from left to right.
    """

    name: str
    description: str
    graph: Workflow
    inputs: dict[str, Places]
    outputs: dict[str, tuple[str, str]]
    columns: list[list[str]]


def both(name: str) -> Places:
    return [("positive", name), ("negative", name)]


def widgets(of: str, names: str) -> dict[str, Places]:
    return {name: [(of, name)] for name in names.split()}


def train_block() -> Block:
    graph = without(workflow.training("slider", 300, 2e-4, "off"), "checkpoint", "clip")
    bucket = {"folder": "[connected images]", "captions": "prompt", "resolution": 1024}
    graph = changed(
        graph,
        positive=bucket,
        negative=bucket,
        train={"resume": "continue", "gradient_checkpointing": True, "checkpoint_every": 50},
    )
    return Block(
        "Train a slider",
        "Trains a concept slider on two folders of pictures: more of the concept, and less of it.",
        graph,
        {
            "model": [("targets", "model"), ("train", "model")],
            "clip": both("clip"),
            "vae": both("vae"),
            "more of it": [("positive", "folder")],
            "less of it": [("negative", "folder")],
            **{name: both(name) for name in ("captions", "prompt", "resolution")},
            **widgets("train", "file_name steps learning_rate seed"),
        },
        {name: ("train", name) for name in ("slider", "loss", "report")},
        [["targets"], ["positive", "negative"], ["cycle"], ["train"]],
    )


def sweep_block() -> Block:
    graph = without(workflow.sweep({}, 0, 1), "library", "grid", "frames")
    graph = changed(
        without(graph, "checkpoint", "train", "nothing", "library"),
        sweep={"strengths": "-2:2:5", "width": 1024, "height": 1024, "cfg": 4.0},
    )
    graph["prompt"] = node("CLIPTextEncode", "Prompt", text="")
    graph["nothing"] = node("CLIPTextEncode", "Negative prompt", text="")
    graph = changed(graph, sweep={"positive": ["prompt", 0], "negative": ["nothing", 0]})
    return Block(
        "Sweep a slider",
        "A slider at many strengths: a labelled grid, how far it can be used, and inside a viewer to drag through.",
        graph,
        {
            "model": [("sweep", "model")],
            "clip": [("prompt", "clip"), ("nothing", "clip")],
            "vae": [("sweep", "vae")],
            "slider": [("sweep", "slider")],
            "slider_file": [("sweep", "slider_file")],
            "prompt": [("prompt", "text")],
            "negative prompt": [("nothing", "text")],
            **widgets("sweep", "strengths seed seeds steps cfg sampler_name scheduler width height"),
        },
        {name: ("sweep", name) for name in ("grid", "frames", "report", "slider")},
        [["prompt", "nothing"], ["sweep"]],
    )


def mix_block() -> Block:
    graph = without(workflow.apply("", 1.0, 0, 1), "checkpoint", "clip", "train", "save")
    file = {"slider_file": "[connected slider]", "strength": 1.0}
    graph["apply"] = node("SliderApply", "Apply Slider: first", **file)
    graph["second"] = node("SliderApply", "Apply Slider: second", model=["apply", 0], **file)
    graph["latent"] = node("EmptyLatentImage", "Size", width=1024, height=1024, batch_size=1)
    graph = changed(graph, sample={"model": ["second", 0], "cfg": 4.0})
    return Block(
        "Mix sliders",
        "Pictures of one prompt with two sliders at once; for more, another block takes the model of this one.",
        graph,
        {
            "model": [("apply", "model")],
            "clip": [("prompt", "clip"), ("nothing", "clip")],
            "vae": [("decode", "vae")],
            "first slider": [("apply", "slider_file")],
            "first strength": [("apply", "strength")],
            "second slider": [("second", "slider_file")],
            "second strength": [("second", "strength")],
            "prompt": [("prompt", "text")],
            "negative prompt": [("nothing", "text")],
            **widgets("latent", "width height batch_size"),
            **widgets("sample", "seed steps cfg sampler_name scheduler"),
        },
        {"image": ("decode", "IMAGE"), "model": ("second", "model")},
        [["apply", "second"], ["prompt", "nothing", "latent"], ["sample", "decode"]],
    )


BLOCKS = (train_block, sweep_block, mix_block)
