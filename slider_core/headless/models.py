"""Loads a model from files as ComfyUI's stock loaders do, or by a node of ComfyUI or of another pack."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import comfy.controlnet
import comfy.sd
import comfy.utils
import torch

from ..config import ConfigError, ModelPlan, NodeCall

# Runs a node by its id, with these inputs: all that it gives.
RunNode = Callable[[str, Mapping[str, Any]], Sequence[Any]]


@dataclass(frozen=True)
class Loaded:
    """The parts of a model, as they come through ComfyUI's sockets; None where there is none."""

    model: Any
    clip: Any
    vae: Any
    control_net: Any


def load_models(plan: ModelPlan, run_node: RunNode, embeddings: Sequence[str] = ()) -> Loaded:
    """Loads every part that is named; what is named by itself takes the place of the checkpoint's.

    Args:
        embeddings: folders of textual inversions.

    Raises:
        ConfigError: if a part is missing after all, or a file is not what it should be.
    """
    with torch.inference_mode():  # as ComfyUI runs its loaders
        with _named("checkpoint", plan.checkpoint):
            model, clip, vae = _of_checkpoint(plan, run_node, embeddings)
        with _named("diffusion_model", plan.diffusion_model):
            model = (
                _part(plan.diffusion_model, run_node, lambda p: _diffusion_model(p, plan.weight_dtype)) or model
            )
        with _named("text_encoders", plan.text_encoders):
            clip = _text_encoders(plan, run_node, embeddings) or clip
        with _named("vae", plan.vae):
            vae = _part(plan.vae, run_node, _vae) or vae
        with _named("control_net", plan.control_net):
            control = _part(plan.control_net, run_node, comfy.controlnet.load_controlnet)
    missing = [name for name, part in (("model", model), ("text_encoders", clip), ("vae", vae)) if part is None]
    if missing:
        raise ConfigError(f"[model]: nothing named has {' or '.join(missing)}. Name a file for each.")
    return Loaded(model, clip, vae, control)


def _of_checkpoint(plan: ModelPlan, run_node: RunNode, embeddings: Sequence[str]) -> tuple[Any, Any, Any]:
    if plan.checkpoint is None:
        return None, None, None
    if isinstance(plan.checkpoint, NodeCall):
        given = [*run_node(plan.checkpoint.node, json.loads(plan.checkpoint.inputs)), None, None]
        return given[0], given[1], given[2]
    found = comfy.sd.load_checkpoint_guess_config(
        str(plan.checkpoint),
        output_vae=True,
        output_clip=plan.text_encoders == (),
        embedding_directory=list(embeddings),
    )
    return found[0], found[1], found[2]


@contextmanager
def _named(key: str, source: Any) -> Iterator[None]:
    """Says what could not be loaded, whatever ComfyUI's loader or another pack's node raises."""
    try:
        yield
    except Exception as error:
        name = getattr(source, "name", source)
        raise ConfigError(
            f"[model] {key}: {name} cannot be loaded ({str(error) or type(error).__name__})."
        ) from error


def _part(source: Path | NodeCall | None, run_node: RunNode, load: Callable[[str], Any]) -> Any:
    if source is None:
        return None
    return _by_node(source, run_node) if isinstance(source, NodeCall) else load(str(source))


def _by_node(call: NodeCall, run_node: RunNode) -> Any:
    return run_node(call.node, json.loads(call.inputs))[0]


def _diffusion_model(path: str, weight_dtype: str) -> Any:
    """As ComfyUI's UNETLoader."""
    options: dict[str, Any] = {}
    if weight_dtype != "default":
        options["dtype"] = getattr(torch, f"float8_{weight_dtype.removeprefix('fp8_').removesuffix('_fast')}")
        options |= {"fp8_optimizations": True} if weight_dtype.endswith("_fast") else {}
    return comfy.sd.load_diffusion_model(path, model_options=options)


def _text_encoders(plan: ModelPlan, run_node: RunNode, embeddings: Sequence[str]) -> Any:
    """As ComfyUI's CLIPLoader, and its others for two, three and four files."""
    if isinstance(plan.text_encoders, NodeCall):
        return _by_node(plan.text_encoders, run_node)
    if not plan.text_encoders:
        return None
    clip_type = comfy.sd.CLIPType[plan.type.upper()] if plan.type else comfy.sd.CLIPType.STABLE_DIFFUSION
    return comfy.sd.load_clip(list(map(str, plan.text_encoders)), list(embeddings), clip_type)


def _vae(path: str) -> Any:
    """As ComfyUI's VAELoader."""
    weights, metadata = comfy.utils.load_torch_file(path, return_metadata=True)
    vae = comfy.sd.VAE(sd=weights, metadata=metadata)
    vae.throw_exception_if_invalid()
    return vae
