"""The example workflows, in the form that ComfyUI's API takes, and how each stands on the page."""

from __future__ import annotations

import workflow
from example_parts import CLIP, DOWNLOADS, LARGE, PICTURES, SQUARE, TINY, Example, size_of, sweep_of
from workflow import changed, node, without


def train_example() -> Example:
    graph = {
        **size_of(1024),
        **without(workflow.training("smile", 300, 2e-4, "off"), "clip"),
        **sweep_of("a portrait of a person with red hair", **SQUARE),
    }
    bucket = {
        "clip": CLIP, "resolution": ["size", 0], "captions": "prompt", "prompt": "a portrait of a person",
    }  # fmt: skip
    graph = changed(
        graph,
        checkpoint=LARGE,
        positive={**bucket, "folder": PICTURES["positive"]},
        negative={**bucket, "folder": PICTURES["negative"]},
        train={
            "gradient_checkpointing": True,
            "checkpoint_every": 50,
            "preview_every": 100,
            "resume": "continue",
            "vae": ["checkpoint", 2],
            "preview_prompt": ["prompt", 0],
            "preview_negative": ["nothing", 0],
        },
    )
    return Example(
        "01 Train a slider from pictures",
        graph,
        {
            "1  Pictures": [["checkpoint", "size"]],
            "2  Buckets": [["positive"], ["negative"]],
            "3  Targets and cycle": [["targets", "cycle"]],
            "4  Train": [["train"]],
            "5  Look": [["prompt", "nothing"], ["sweep"]],
        },
        {
            "1  Pictures": "**Your first slider in five steps**, from left to right.\n\nFor a first try, pictures come "
            "along: six drawn faces, smiling and frowning. Yours, 4 to 6 pairs, go into two folders below ComfyUI's "
            "*input* folder: *smile/positive* and *smile/negative*. A pair is the same picture with more and with "
            "less of the concept, under the same file name.\n\n**No model yet?** Choose *tiny_faces.safetensors* in "
            "*Load Checkpoint* and 128 as the size: the whole workflow takes two minutes on a CPU.",
            "2  Buckets": "Choose your folders. The prompt says what is to be seen, **but not the concept**.",
            "5  Look": "Drag over the picture. Too weak: more steps or a higher learning rate. Breaks at ±1: lower.\n\n"
            "The slider is in *output/loras* and in every list of LoRAs. Next: *02 Apply and sweep a slider*.",
        },
        {"checkpoint": TINY, "size": {"value": 128}},
        DOWNLOADS,
    )


def apply_example() -> Example:
    prompts = {
        "curly": "a person with curly red hair, tan skin, green shirt, blue background",
        "long": "a person with long blue hair, light skin, red shirt, yellow background",
    }
    graph = {
        "checkpoint": node("CheckpointLoaderSimple", "Load Checkpoint", **TINY),
        **size_of(128),
        **workflow.apply(
            "a person with spiky blond hair, brown skin, blue shirt, purple background", 1.0, 0, 1
        ),
        **workflow.sweep(prompts, 0, 1),
        "strength": node(
            "SliderStrength",
            "Slider Strength",
            conditioning=["prompt", 0],
            strength="-1, 0, 1",
            slider="",
        ),
        "latent": node("EmptyLatentImage", "Three pictures", **SQUARE, batch_size=3),
    }
    for name in ("grid", "frames"):
        del graph[name]
    file = {"slider": None, "slider_file": "tiny_faces_smile.safetensors"}
    graph = changed(
        graph,
        apply=file,
        prompt={"clip": CLIP},
        nothing={"clip": CLIP},
        sample={"positive": ["strength", 0], "cfg": 4.0},
        save={"filename_prefix": "slider"},
        library={"clip": CLIP},
        sweep={**file, **SQUARE, "cfg": 4.0, "strengths": "-2:2:9"},
    )
    return Example(
        "02 Apply and sweep a slider",
        graph,
        {
            "1  Model and slider": [["checkpoint", "size", "apply"]],
            "2  Prompts": [["prompt", "strength", "nothing", "latent"]],
            "3  Pictures at strengths −1, 0 and 1": [["sample", "decode", "save"]],
            "4  Sweep: how far can it go?": [["library"], ["sweep"]],
        },
        {
            "1  Model and slider": "**Press Run**: this model and its slider come with the pack.\n\nThen choose your "
            "own checkpoint, the size of its pictures, and a file in *Apply Slider* and *Slider Sweep*: any LoRA will "
            "do.",
            "2  Prompts": "**Slider Strength** gives one prompt strengths of its own, here one for each of three "
            "pictures. Without it the strength of *Apply Slider* counts.",
        },
    )


def demo_example() -> Example:
    graph = {
        **workflow.training("smile_demo", **workflow.DEMO),
        **workflow.apply("a person with curly red hair, tan skin, green shirt, blue background", 1.0, 5, 4),
        **workflow.sweep(
            {
                "curly": "a person with curly red hair, tan skin, green shirt, blue background",
                "spiky": "a person with spiky blond hair, brown skin, blue shirt, glasses, purple background",
            },
            1,
            2,
        ),
    }
    for name in ("clip", "frames", "grid"):
        del graph[name]
    buckets = {name: {"clip": CLIP, "folder": PICTURES[name]} for name in ("positive", "negative")}
    texts = {name: {"clip": CLIP} for name in ("prompt", "nothing", "library")}
    return Example(
        "03 Demo on the tiny model",
        changed(graph, **buckets, **texts),
        {
            "1  Tiny model": [["checkpoint", "targets"]],
            "2  Pictures": [["positive"], ["negative"]],
            "3  Training": [["cycle"], ["train"]],
            "4  One strength": [["apply", "prompt", "nothing", "latent"]],
            "5  Pictures": [["sample", "decode", "save"]],
            "6  Seven strengths": [["library"], ["sweep"]],
        },
        {
            "1  Tiny model": "**Press Run**: model and pictures come with the pack, and a CPU is enough. It is what "
            "*python3 scripts/run.py demo* does.\n\nLearning rate 0: the rate is found by a trial, and training stops "
            "when the slider has the size that fits its pictures best, here within 15 steps of all six pairs.",
        },
    )


def words_example() -> Example:
    graph = {
        **size_of(128),
        **without(workflow.training("hair", 300, 2e-4, "off"), "clip", "positive", "negative", "cycle"),
        "words": node(
            "SliderFromWords", "Slider from Words", model=["checkpoint", 0], clip=CLIP, vae=["checkpoint", 2],
            more="a person with long hair", less="a person with short hair", neutral="a person", preserve="",
            guidance=3.0, pictures=8, seed=0, steps=20, cfg=4.0, sampler_name="euler", scheduler="simple", **SQUARE,
        ),
        "look": node("PreviewImage", "The direction, before training", images=["words", 2]),
        **sweep_of("a person with red hair", **SQUARE),
    }  # fmt: skip
    graph = changed(
        graph,
        checkpoint=TINY,
        train={"cycle": ["words", 0], "resume": "continue", "checkpoint_every": 50},
    )
    return Example(
        "04 Train a slider from words",
        graph,
        {
            "1  Model": [["checkpoint", "size", "targets"]],
            "2  Words": [["words"]],
            "3  The direction, before training": [["look"]],
            "4  Training": [["train"]],
            "5  Look": [["prompt", "nothing"], ["sweep"]],
        },
        {
            "1  Model": "**Press Run**: the model comes with the pack and knows a few words. For yours choose the "
            "checkpoint and the size of its pictures.",
            "2  Words": "No pictures are needed: the model shows what it knows. On your model, for a smile: more "
            "*a portrait photo of a smiling person*, less *a portrait photo of a sad person*, neutral *a portrait "
            "photo of a person*. Each line of *preserve* is something that should not come along, with its values: "
            "*old, young*.",
            "3  The direction, before training": "Look here first, with *Train Slider* bypassed (Ctrl+B). If the "
            "concept is not to be seen, other words are needed, and no training.",
        },
    )


SIMPLETUNER = """{
  "--lora_type": "standard",
  "--slider_lora_target": true,
  "--lora_rank": 4,
  "--lora_alpha": 4,
  "--max_train_steps": 200,
  "--learning_rate": 2e-4,
  "--lr_scheduler": "cosine",
  "--optimizer": "torch-adamw",
  "--seed": 0
}"""


def simpletuner_example() -> Example:
    graph = {
        **without(workflow.training("simpletuner", 300, 2e-4, "off"), "clip", "positive", "negative", "neutral"),
        "dataset": node(
            "SliderDataset", "Load SimpleTuner Dataset", file="smile/multidatabackend.json [datasets]", dataset="",
            vae=["checkpoint", 2], clip=CLIP, config=SIMPLETUNER,
        ),
        "pairs": node("SliderPairs", "Check Slider Pairs", cycle=["cycle", 0], vae=["checkpoint", 2], most=3),
        **sweep_of("a person with curly red hair"),
    }  # fmt: skip
    graph = changed(
        graph,
        checkpoint=TINY,
        cycle={"buckets": ["dataset", 0]},
        train={
            "cycle": ["pairs", 0],
            "held_out": ["dataset", 2],
            "settings": ["dataset", 3],
            "resume": "continue",
            "checkpoint_every": 50,
        },
    )
    return Example(
        "05 Train from files of SimpleTuner",
        graph,
        {
            "1  Model": [["checkpoint", "targets"]],
            "2  SimpleTuner's files": [["dataset"]],
            "3  Pairs, before training": [["cycle", "pairs"]],
            "4  Training": [["train"]],
            "5  Look": [["prompt", "nothing"], ["sweep"]],
        },
        {
            "1  Model": "**Press Run**: model, pictures and files come with the pack. For yours choose the checkpoint "
            "and the size of its pictures in the sweep.",
            "2  SimpleTuner's files": "Put your *multidatabackend.json* and the folders that it names below ComfyUI's "
            "*input* or *datasets* folder and choose it, or paste its text; *config* takes the text of *config.json*. "
            "The report says what became of every key. Nothing of yours is changed.",
            "4  Training": "*settings* takes rank, rate, steps, optimiser and seed from *config.json*, in the place of "
            "the widgets here. *held out*: the datasets of type *eval* are measured and not trained on.",
        },
    )


EXAMPLES = (train_example, apply_example, demo_example, words_example, simpletuner_example)
