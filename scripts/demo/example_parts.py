"""What an example workflow is, and what several of them have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import workflow
from workflow import Workflow, changed, node

CLIP = ["checkpoint", 1]
TINY = {"ckpt_name": workflow.CHECKPOINT}
LARGE = {"ckpt_name": "sd_xl_base_1.0.safetensors"}
DOWNLOADS = {  # of models that the page offers to fetch
    "checkpoint": {
        "name": "sd_xl_base_1.0.safetensors",
        "url": "https://huggingface.co/stabilityai/stable-diffusion-xl-base-1.0/resolve/main/sd_xl_base_1.0.safetensors",
        "directory": "checkpoints",
    }
}
PICTURES = {name: f"smile/{name} [datasets]" for name in ("positive", "negative", "neutral")}  # they come along


@dataclass(frozen=True)
class Example:
    """A workflow, and how it stands on the page.

    Attributes:
        name: of its file, and what the page calls it.
        columns: a heading each, and stacks of nodes from the top down.
        notes: texts by the heading under which they stand first.
        tiny: other values of inputs, by node, with which it runs on the model that comes along.
        models: what `properties.models` of a node says.
    """

    name: str
    graph: Workflow
    columns: dict[str, list[list[str]]]
    notes: dict[str, str]
    tiny: dict[str, dict[str, Any]] = field(default_factory=dict)
    models: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def order(self) -> list[str]:
        """Its nodes as they are read on the page."""
        return [name for stacks in self.columns.values() for names in stacks for name in names]


def size_of(side: int) -> Workflow:
    """One number for the sides of all pictures."""
    return {"size": node("PrimitiveInt", "Size of the pictures", value=side)}


SQUARE = {"width": ["size", 0], "height": ["size", 0]}


def sweep_of(prompt: str, **size: Any) -> Workflow:
    """Slider Sweep on one prompt."""
    nodes = {
        "prompt": node("CLIPTextEncode", "Prompt of the sweep", clip=CLIP, text=prompt),
        "nothing": node("CLIPTextEncode", "Negative prompt", clip=CLIP, text=""),
        "sweep": workflow.sweep({}, 1, 1)["sweep"],
    }
    given = {**size, "prompts": None, "positive": ["prompt", 0], "strengths": "-2:2:9", "cfg": 4.0}
    return changed(nodes, sweep=given)
