"""Bad values for every widget, and nothing on every socket, of every node of the pack."""

import asyncio
import math
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from as_comfyui import Clip, Vae, executed, validated
from comfy_api.latest import io
from concept_sliders.nodes import SliderExtension
from concept_sliders.slider_core.architectures import select
from concept_sliders.slider_core.data import Cycle
from small_training import buckets, example
from tiny_models import shared_model

from .judging import Case

NODES = {node.GET_SCHEMA().node_id: node for node in asyncio.run(SliderExtension().get_node_list())}
LONG = "x" * 5000
NUMBERS = [math.nan, math.inf, -math.inf, 1e9, -1e9, 1e308, 10**400, None, "3", True, 1.5j, [], "nan"]
TEXTS = [
    LONG,
    "\ud800",
    "a\0b",
    "*" * 60 + "x",
    "{a,b}" * 20,
    "(a+)+$",
    "[" * 5000,
    '{"a": ' * 5000,
    "9" * 5000,
    "../../x",
    "/etc/passwd",
    "con",
    " ",
    ".",
    "\n" * 5000,
    '{"' + LONG,
    "1e400",
    None,
    7,
    [],
    "\ufeff{}",
    "٣",
    "-",
    "a\u202eb",
]
CHOICES = ["no such choice", LONG, "", "\ud800", "a\0b", None, 7, "../../x"]
UNUSED = {"folder", "slider_file"}  # where pictures or a slider are connected, as here


class LookingVae(Vae):
    """Also decodes, for sweeps and previews."""

    def decode(self, latents):
        return latents[:, :3].movedim(1, -1).repeat_interleave(8, 1).repeat_interleave(8, 2).sigmoid()


class FittingClip(Clip):
    """Gives what the model below takes."""

    def encode_from_tokens_scheduled(self, tokens):
        return example(str(len(tokens))).conditioning


@cache
def lora(layer: str = "diffusion_model.joint_blocks.0.x_block.attn.proj") -> dict[str, torch.Tensor]:
    rows, columns = shared_model("sd3").model.state_dict()[f"{layer}.weight"].shape
    random = torch.Generator().manual_seed(0)
    return {
        f"{layer}.lora_up.weight": torch.randn(rows, 2, generator=random) * 0.1,
        f"{layer}.lora_down.weight": torch.randn(2, columns, generator=random) * 0.1,
        f"{layer}.alpha": torch.tensor(2.0),
    }


def sockets() -> dict[str, Any]:
    """Something good for every socket."""
    model, prompt = shared_model("sd3"), example("a").conditioning
    return {
        "model": model,
        "targets": select(model, "custom", "attn.proj"),
        "cycle": Cycle(buckets()),
        "slider": lora(),
        "vae": LookingVae(),
        "clip": FittingClip(),
        "negative": prompt,
        "positive": prompt,
        "conditioning": prompt,
        "buckets": buckets(),
        "images": torch.rand(1, 64, 64, 3),
        "prompts": None,
    }


SMALL = {
    "width": 64,
    "height": 64,
    "steps": 1,
    "resolution": 64,
    "strengths": "-1, 1",
    "cfg": 1.0,
    "pictures": 1,
}


def good(node: type[io.ComfyNode]) -> dict[str, Any]:
    """Inputs with which a node runs."""
    given, found = sockets(), {}
    for widget in node.define_schema().inputs:
        if widget.id in given and not isinstance(widget, io.WidgetInput) and given[widget.id] is not None:
            found[widget.id] = given[widget.id]
        elif widget.id in SMALL:
            found[widget.id] = SMALL[widget.id]
        elif getattr(widget, "default", None) is not None:
            found[widget.id] = widget.default
    return found


def run(node: type[io.ComfyNode], inputs: dict[str, Any], folder: Path | None = None) -> None:
    with torch.inference_mode():
        executed(node, **{name: [value] for name, value in inputs.items()})


def by_api(node: type[io.ComfyNode], widgets: dict[str, Any], folder: Path) -> None:
    """ComfyUI's own check before a job; it answers, and raises nothing."""
    for error in validated(node, **widgets):
        if "Error" in error or "Traceback" in error:
            raise RuntimeError(error)


def cases() -> Iterator[Case]:
    for node_id, node in NODES.items():
        for widget in node.define_schema().inputs:
            for index, bad in enumerate(_bad_values(widget)):
                inputs = {**good(node), widget.id: bad}
                name, text = f"{node_id}.{widget.id} {index}", bad if isinstance(bad, str) else ""
                yield Case(name, partial(run, node, inputs), _must_refuse(widget, bad), text)
                if isinstance(widget, io.WidgetInput) and not isinstance(bad, complex | list):
                    widgets = {
                        i.id: inputs[i.id]
                        for i in node.define_schema().inputs
                        if i.id in inputs and isinstance(i, io.WidgetInput)
                    }
                    yield Case(f"{name} by the API", partial(by_api, node, widgets))


def _widgets(node: type[io.ComfyNode], inputs: dict[str, Any]) -> dict[str, Any]:
    schema = node.define_schema()
    return {i.id: inputs[i.id] for i in schema.inputs if i.id in inputs and isinstance(i, io.WidgetInput)}


def _bad_values(widget: io.Input) -> list[Any]:
    if isinstance(widget, io.Int.Input):
        return [widget.min - 1, widget.max + 1, *NUMBERS, 1.5]
    if isinstance(widget, io.Float.Input):
        return [widget.min - 1, widget.max + 1, *NUMBERS]
    if isinstance(widget, io.Combo.Input):
        return CHOICES
    if isinstance(widget, io.String.Input):
        return TEXTS
    return [None]


def _must_refuse(widget: io.Input, bad: Any) -> bool:
    if widget.id in UNUSED or (bad is None and widget.optional and getattr(widget, "default", None) is None):
        return False
    if isinstance(widget, io.Int.Input | io.Float.Input | io.Combo.Input):
        return True
    if isinstance(widget, io.String.Input):
        return not isinstance(bad, str) or any(sign == "\0" or "\ud800" <= sign <= "\udfff" for sign in bad)
    return False
