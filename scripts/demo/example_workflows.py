"""Writes example_workflows/: each workflow as the page saves it, and below api/ as the API takes it.

    python3 scripts/run.py python scripts/demo/example_workflows.py [--shots FOLDER]

The page itself makes the files, in a headless Chromium: it loads the API form, the nodes are put in columns, and what
it saves is opened again and must give the same API form. With --shots, pictures of the page are kept there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "scripts" / "demo"), str(ROOT / "scripts")]

import install  # noqa: E402
import workflow  # noqa: E402
from chromium import Page, browser  # noqa: E402
from comfy_server import Server, free_port  # noqa: E402

FOLDER = ROOT / "example_workflows"
SETTINGS = {
    "Comfy.TutorialCompleted": True,
    "Comfy.Minimap.Visible": False,
}  # nothing in the way of the pictures
SIZE = {"width": 2200, "height": 1250, "deviceScaleFactor": 1, "mobile": False}


@dataclass(frozen=True)
class Example:
    """A workflow, and how it stands on the page.

    Attributes:
        columns: a heading each, and its nodes from the top down.
        notes: texts by the column under which they stand.
    """

    name: str
    graph: workflow.Workflow
    columns: dict[str, list[str]]
    notes: dict[str, str]


def changed(graph: workflow.Workflow, **inputs: dict[str, Any]) -> workflow.Workflow:
    """The graph with other values for some inputs of some nodes; None takes an input away."""
    result = {name: {**entry, "inputs": {**entry["inputs"]}} for name, entry in graph.items()}
    for name, values in inputs.items():
        merged = {**result[name]["inputs"], **values}
        result[name]["inputs"] = {key: value for key, value in merged.items() if value is not None}
    return result


REAL = {"ckpt_name": "sd_xl_base_1.0.safetensors"}
CLIP = ["checkpoint", 1]


def train_example() -> Example:
    graph = workflow.training("my_slider", 300, 2e-4, "off")
    del graph["clip"], graph["neutral"]
    folder = {"clip": CLIP, "resolution": 1024}
    graph = changed(
        graph,
        checkpoint=REAL,
        positive={**folder, "folder": "my_slider/more"},
        negative={**folder, "folder": "my_slider/less"},
        cycle={"buckets": ["negative", 0]},
        train={
            "resume": "continue",
            "gradient_checkpointing": True,
            "checkpoint_every": 50,
            "learning_rate": 2e-4,
        },
    )
    graph["loss"] = workflow.node("LossGraphNode", "Loss", loss=["train", 1], filename_prefix="loss_graph")
    return Example(
        "01_train_a_slider_from_pictures",
        graph,
        {
            "1  Model": ["checkpoint", "targets"],
            "2  Pictures, a folder each": ["positive", "negative"],
            "3  Order and training": ["cycle", "train"],
            "4  Look at it": ["loss"],
        },
        {
            "2  Pictures, a folder each": "Make two folders below ComfyUI's `input` folder: `my_slider/more` and "
            "`my_slider/less`. Four to six pictures a side are enough, as many on one side as on the "
            "other. The purest sliders come from pairs: the same "
            "picture with more and with less of the concept, under the same file name.\n\nEach picture's caption is "
            "in a `.txt` file of the same name. It says what is to be seen, **but not the concept**. Neutral pictures "
            "are not needed: they take range and time, and made no slider purer where it was measured.",
            "4  Look at it": "The slider is written to `output/loras` and is in every list of LoRAs at once. Open "
            "*02 apply and sweep a slider* next.",
        },
    )


def apply_example() -> Example:
    prompts = {
        "portrait": "a portrait photo of a man in a park",
        "street": "a woman walking down a street, photo",
    }
    graph = {
        "checkpoint": workflow.node("CheckpointLoaderSimple", "Model, text encoder, VAE", **REAL),
        **workflow.apply("a portrait photo of a woman, soft light", 1.0, 0, 1),
        **workflow.sweep(prompts, 0, 1),
    }
    graph["strength"] = workflow.node(
        "SliderStrength",
        "This prompt's own strength",
        conditioning=["prompt", 0],
        strength="-1, 0, 1",
        slider="",
    )
    graph["latent"] = workflow.node(
        "EmptyLatentImage", "Size, three pictures", width=1024, height=1024, batch_size=3
    )
    for name in ("grid", "frames"):
        del graph[name]
    graph["look"] = workflow.node("PreviewImage", "Labelled grid", images=["sweep", 0])
    file = {"slider": None, "slider_file": "my_slider_00001_.safetensors"}
    graph = changed(
        graph,
        apply=file,
        prompt={"clip": CLIP},
        nothing={"clip": CLIP},
        sample={"positive": ["strength", 0], "cfg": 7.0},
        save={"filename_prefix": "slider"},
        library={"clip": CLIP},
        sweep={**file, "cfg": 7.0, "width": 1024, "height": 1024, "strengths": "-2:2:5"},
    )
    return Example(
        "02_apply_and_sweep_a_slider",
        graph,
        {
            "1  Model and slider": ["checkpoint", "apply"],
            "2  Prompts": ["prompt", "strength", "nothing", "latent"],
            "3  Pictures at strengths -1, 0 and 1": ["sample", "decode", "save"],
            "4  Sweep: how far can it go?": ["library", "sweep", "look"],
        },
        {
            "1  Model and slider": "**Apply Slider** changes no weight; any LoRA file will do. Its strength counts for "
            "every prompt that has none of its own.",
            "2  Prompts": "**Slider Strength** gives one prompt its own strength, here three of them: one for each of "
            "the three latents. Take it away and the strength of Apply Slider counts.",
        },
    )


def demo_example() -> Example:
    graph = {
        **workflow.training("smile", 150, 5e-4, "anchor"),
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
    del graph["frames"]
    return Example(
        "03_demo_on_the_tiny_model",
        graph,
        {
            "1  Tiny model": ["checkpoint", "clip", "targets"],
            "2  Pictures": ["positive", "negative", "neutral"],
            "3  Training": ["cycle", "train"],
            "4  One strength": ["apply", "prompt", "nothing", "latent", "sample"],
            "5  Pictures": ["decode", "save"],
            "6  Seven strengths": ["library", "sweep", "grid"],
        },
        {
            "1  Tiny model": "What `python3 scripts/run.py demo` runs. To run it from the page, start the server "
            "with\n\n"
            "`python3 scripts/run.py server --extra-model-paths-config scripts/demo/extra_model_paths.yaml`\n\n"
            "and copy `demo_output/comfyui/input/demo` (the demo draws it) into ComfyUI's `input` folder.\n\n"
            "It trains 150 steps at a rate of 5e-4, to be quick; a new node has 300 at 2e-4.",
        },
    )


def words_example() -> Example:
    graph = changed(workflow.training("smile_of_words", 300, 2e-4, "off"), checkpoint=REAL)
    for name in ("clip", "positive", "negative", "neutral", "cycle"):
        del graph[name]
    graph["words"] = workflow.node(
        "SliderFromWords", "More, less, and what stays", model=["checkpoint", 0], clip=CLIP, vae=["checkpoint", 2],
        more="a portrait photo of a smiling person", less="a portrait photo of a sad person",
        neutral="a portrait photo of a person", preserve="old, young\nman, woman", guidance=3.0, pictures=8, seed=0,
        steps=20, cfg=4.0, sampler_name="euler", scheduler="simple", width=1024, height=1024,
    )  # fmt: skip
    graph["look"] = workflow.node("PreviewImage", "The direction, before training", images=["words", 2])
    graph = changed(
        graph,
        train={
            "cycle": ["words", 0],
            "resume": "continue",
            "gradient_checkpointing": True,
            "checkpoint_every": 50,
        },
    )
    return Example(
        "04_train_a_slider_from_words",
        graph,
        {
            "1  Model": ["checkpoint", "targets"],
            "2  Words": ["words"],
            "3  The direction, before training": ["look"],
            "4  Training": ["train"],
        },
        {
            "2  Words": "No pictures are needed: the model shows what it knows. Each line of `preserve` is something "
            "that should not come along with the smile, with two or more values of it.",
            "3  The direction, before training": "Run this first, with *Train Slider* bypassed (Ctrl+B). If the "
            "concept is not to be seen here, other words are needed, and no training.",
        },
    )


EXAMPLES = (train_example, apply_example, demo_example, words_example)


def numbered(example: Example, schemas: dict[str, Any]) -> tuple[workflow.Workflow, dict[str, str]]:
    """The API form with numbers for names, counted along the columns, and the numbers by name."""
    order = [name for column in example.columns.values() for name in column]
    assert sorted(order) == sorted(example.graph), (
        f"{example.name}: {set(order) ^ set(example.graph)} not placed"
    )
    numbers = {name: str(index) for index, name in enumerate(order, 1)}
    graph = workflow.completed(example.graph, schemas)

    def renamed(value: Any) -> Any:
        return [numbers[value[0]], value[1]] if isinstance(value, list) and value[0] in numbers else value

    for entry in graph.values():
        entry["inputs"] = {name: renamed(value) for name, value in entry["inputs"].items()}
    return {numbers[name]: graph[name] for name in order}, numbers


LAY_OUT = """
(async () => {
    const [api, columns, notes, name] = %s;
    await app.loadApiJson(api, name + '.json');
    await new Promise(done => setTimeout(done, 500));
    let left = 40;
    for (const [heading, ids] of Object.entries(columns)) {
        const nodes = ids.map(id => app.graph.getNodeById(id) ?? app.graph.getNodeById(Number(id)));
        if (notes[heading]) {
            const note = LiteGraph.createNode('MarkdownNote');
            note.title = 'Note';
            app.graph.add(note);
            note.widgets[0].value = notes[heading];
            const lines = notes[heading].split('\\n').reduce((sum, line) => sum + Math.ceil((line.length + 1) / 56), 0);
            note.setSize([380, 70 + 17 * lines]);
            note.isNote = true;
            nodes.push(note);
        }
        let top = 100, width = 0;
        for (const node of nodes) {
            const least = node.computeSize(), more = { SliderPromptLibrary: 120, SliderTrainer: 30 };
            if (!node.isNote) node.setSize([Math.max(380, least[0]), least[1] + (more[node.comfyClass] ?? 0)]);
            for (const widget of node.widgets ?? [])
                if (widget.name === 'control_after_generate') widget.value = 'fixed';
            node.pos = [left, top];
            top += node.size[1] + 70;
            width = Math.max(width, node.size[0]);
        }
        const group = new LiteGraph.LGraphGroup(heading);
        group.pos = [left - 20, 10];
        group.size = [width + 40, top - 40];
        app.graph.add(group);
        left += width + 70;
    }
    app.canvas.ds.scale = Math.min(0.9, 2100 / left);
    app.canvas.ds.offset = [60, 100];
    return JSON.stringify(app.graph.serialize());
})()
"""


async def write(page: Page, example: Example, schemas: dict[str, Any], shots: Path | None) -> None:
    api, numbers = numbered(example, schemas)
    columns = {heading: [numbers[name] for name in names] for heading, names in example.columns.items()}
    script = LAY_OUT % json.dumps([api, columns, example.notes, example.name])
    saved = json.loads(await page.run(f"{{ return await {script.strip()} }}"))
    for node in saved["nodes"]:
        node.get("properties", {}).pop("ver", None)
    opened = await page.run(
        f"{{ await app.loadGraphData({json.dumps(saved)}); return (await app.graphToPrompt()).output }}"
    )
    for number, entry in api.items():
        assert opened[number]["inputs"] == entry["inputs"], (example.name, opened[number], entry)
    await asyncio.sleep(1)
    if shots:
        await page.shot(shots / f"{example.name}.png")
    (FOLDER / "api").mkdir(parents=True, exist_ok=True)
    for path, content in ((FOLDER, saved), (FOLDER / "api", api)):
        text = json.dumps(content, indent=1, ensure_ascii=False)
        (path / f"{example.name}.json").write_text(text + "\n", encoding="utf-8")
    print(f"{example.name}: {len(api)} nodes")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shots", type=Path)
    shots = parser.parse_args().shots
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        base = Path(folder)
        for name in ("custom_nodes", "input", "user/default"):
            (base / name).mkdir(parents=True)
        (base / "user" / "default" / "comfy.settings.json").write_text(json.dumps(SETTINGS))
        install.link_pack(base)
        paths = ROOT / "scripts" / "demo" / "extra_model_paths.yaml"
        async with Server(Path(os.environ["COMFYUI_PATH"]), base, paths, free_port(), ["--cpu"]) as server:
            schemas = await server.schemas()
            async with browser() as chromium:
                page = await chromium.open(server.url)
                await page.send("Emulation.setDeviceMetricsOverride", **SIZE)
                await page.wait_for("window.app?.graph && LiteGraph.registered_node_types.SliderSweep")
                for example in EXAMPLES:
                    await write(page, example(), schemas, shots)


if __name__ == "__main__":
    asyncio.run(main())
