"""The demo's workflow in the form that ComfyUI's API takes."""

from __future__ import annotations

import json
from typing import Any

CHECKPOINT = "tiny_faces.safetensors"
STRENGTHS = "-2:2:7"
Workflow = dict[str, dict[str, Any]]


def node(kind: str, title: str, /, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs, "_meta": {"title": title}}


def changed(graph: Workflow, **inputs: dict[str, Any]) -> Workflow:
    """The graph with other values for some inputs of some nodes; None takes an input away."""
    result = {name: {**entry, "inputs": {**entry["inputs"]}} for name, entry in graph.items()}
    for name, values in inputs.items():
        merged = {**result[name]["inputs"], **values}
        result[name]["inputs"] = {key: value for key, value in merged.items() if value is not None}
    return result


def without(graph: Workflow, *outside: str) -> Workflow:
    """The graph without these nodes and the links from them."""

    def comes_from_outside(value: Any) -> bool:
        return isinstance(value, list) and value[:1] and value[0] in outside

    return {
        name: {**entry, "inputs": {k: v for k, v in entry["inputs"].items() if not comes_from_outside(v)}}
        for name, entry in graph.items()
        if name not in outside
    }


def bucket(name: str, strength: float, title: str, before: str | None) -> dict[str, Any]:
    chained = {"buckets": [before, 0]} if before else {}
    return node(
        "BucketLoader", title, name=name, slider_strength=strength, folder=f"demo/{name}", captions="text file",
        prompt="", vae=["checkpoint", 2], clip=["clip", 0], resolution=128, probability=1.0, repeats=1, **chained,
    )  # fmt: skip


DEMO: dict[str, Any] = {
    "steps": 15,
    "learning_rate": 0.0,
    "preset": "mlp",
    "batch_size": 6,
}  # all pairs, each step


def training(
    concept: str,
    steps: int,
    learning_rate: float,
    neutral: str = "off",
    preset: str = "slider",
    batch_size: int = 1,
) -> Workflow:
    """From the checkpoint and two folders of pictures to a slider; a third one is neutral, unless that is off."""
    third = (
        {}
        if neutral == "off"
        else {"neutral": bucket("neutral", 0.0, "Load Slider Bucket: neutral", "negative")}
    )
    return {
        "checkpoint": node("CheckpointLoaderSimple", "Load Checkpoint", ckpt_name=CHECKPOINT),
        "clip": node("TinyFacesCLIPLoader", "Text encoder", ckpt_name=CHECKPOINT),
        "targets": node("SliderTargets", "Slider Targets", model=["checkpoint", 0], preset=preset),
        "positive": bucket("positive", 0.5, "Load Slider Bucket: more", None),
        "negative": bucket("negative", -0.5, "Load Slider Bucket: less", "positive"),
        **third,
        "cycle": node(
            "CycleSampler", "Slider Cycle", buckets=["neutral" if third else "negative", 0], cycle="together",
            pairing="auto", weighting="auto", neutral=neutral, batch_size=batch_size, seed=0, one_sided=False,
        ),
        "train": node(
            "SliderTrainer", "Train Slider", model=["checkpoint", 0], targets=["targets", 0], cycle=["cycle", 0],
            file_name=f"loras/{concept}", steps=steps, learning_rate=learning_rate, seed=0, kind="lora", rank=4,
            alpha=0.0, objective="denoise", resume="start over", preview_every=0, gradient_checkpointing=False,
            checkpoint_every=0,
        ),
    }  # fmt: skip


def apply(prompt: str, strength: float, seed: int, count: int) -> Workflow:
    """Pictures of one prompt with the slider at one strength, through the stock KSampler."""
    return {
        "apply": node(
            "SliderApply", "Apply Slider", model=["checkpoint", 0], slider=["train", 0],
            slider_file="[connected slider]", strength=strength, start_percent=0.0, end_percent=1.0,
        ),
        "prompt": node("CLIPTextEncode", "Prompt", clip=["clip", 0], text=prompt),
        "nothing": node("CLIPTextEncode", "Negative prompt", clip=["clip", 0], text=""),
        "latent": node("EmptySD3LatentImage", "Size", width=128, height=128, batch_size=count),
        "sample": node(
            "KSampler", "KSampler", model=["apply", 0], positive=["prompt", 0], negative=["nothing", 0],
            latent_image=["latent", 0], seed=seed, steps=20, cfg=2.5, sampler_name="euler", scheduler="simple",
            denoise=1.0,
        ),
        "decode": node("VAEDecode", "VAE Decode", samples=["sample", 0], vae=["checkpoint", 2]),
        "save": node("SaveImage", "Pictures with the slider", images=["decode", 0], filename_prefix="applied"),
    }  # fmt: skip


def sweep(prompts: dict[str, str], seed: int, seeds: int) -> Workflow:
    """The slider at seven strengths on several prompts and seeds."""
    return {
        "library": node(
            "SliderPromptLibrary", "Slider Prompt Library", clip=["clip", 0], file="[text below]",
            library=json.dumps(prompts, indent=2), strength=1.0,
        ),
        "sweep": node(
            "SliderSweep", "Slider Sweep", model=["checkpoint", 0], slider=["train", 0], vae=["checkpoint", 2],
            negative=["nothing", 0], prompts=["library", 0], slider_file="[connected slider]", strengths=STRENGTHS,
            seed=seed, seeds=seeds, steps=20, cfg=2.5, sampler_name="euler", scheduler="simple", denoise=1.0,
            width=128, height=128, length=1, batch_limit=0,
        ),
        "grid": node("SaveImage", "Labelled grid", images=["sweep", 0], filename_prefix="grid"),
        "frames": node("SaveImage", "Single pictures", images=["sweep", 1], filename_prefix="frames"),
    }  # fmt: skip


def completed(workflow: Workflow, schemas: dict[str, Any]) -> Workflow:
    """The workflow with every widget that it leaves out at its default, as the page would post it.

    `schemas` is what ComfyUI answers at /object_info.
    """
    return {
        name: {**entry, "inputs": {**defaults(schemas[entry["class_type"]]), **entry["inputs"]}}
        for name, entry in workflow.items()
    }


def defaults(schema: dict[str, Any]) -> dict[str, Any]:
    """Each required widget's value on a new node."""
    values = {}
    for name, (kind, *options) in schema["input"].get("required", {}).items():
        settings = options[0] if options else {}
        choices = kind if isinstance(kind, list) else settings.get("options")
        if "default" in settings or choices:
            values[name] = settings.get("default", choices[0] if choices else None)
    return values
