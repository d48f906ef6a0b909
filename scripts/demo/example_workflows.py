"""Writes example_workflows/ and subgraphs/: as the page saves them, and below api/ as the API takes them.

    python3 scripts/run.py python scripts/demo/example_workflows.py [--only WORD] [--shots FOLDER]

The page itself makes the files, in a headless Chromium. Each example is run there on the model that comes along, so
that its nodes are as large as they get; what is saved is opened again and must give the same values. With --shots,
pictures of the page after the run are kept there. Takes a few minutes on two cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "scripts" / "demo"), str(ROOT / "scripts")]

import install  # noqa: E402
import workflow  # noqa: E402
from blocks import BLOCKS, Block  # noqa: E402
from chromium import Browser, Page, browser  # noqa: E402
from comfy_server import Server, free_port  # noqa: E402
from example_parts import Example  # noqa: E402
from examples import EXAMPLES  # noqa: E402

EXAMPLE_FOLDER, BLOCK_FOLDER = ROOT / "example_workflows", ROOT / "subgraphs"
CATEGORY = "Concept sliders"
SETTINGS = {
    "Comfy.TutorialCompleted": True,
    "Comfy.Minimap.Visible": False,
}  # nothing in the way of the pictures
SIZE = {"width": 2200, "height": 1250, "deviceScaleFactor": 1, "mobile": False}
SECONDS = 600  # that one example may run


def numbered(
    graph: workflow.Workflow, order: list[str], schemas: dict[str, Any], first: int = 1
) -> tuple[workflow.Workflow, dict[str, str]]:
    """The API form with numbers for names, and the numbers by name."""
    assert sorted(order) == sorted(graph), f"{set(order) ^ set(graph)} not placed"
    numbers = {name: str(index) for index, name in enumerate(order, first)}
    whole = workflow.completed(graph, schemas)

    def renamed(value: Any) -> Any:
        return (
            [numbers[value[0]], value[1]]
            if isinstance(value, list) and value[:1] and value[0] in numbers
            else value
        )

    for entry in whole.values():
        entry["inputs"] = {name: renamed(value) for name, value in entry["inputs"].items()}
    return {numbers[name]: whole[name] for name in order}, numbers


def first_number(example: Example) -> int:
    """A hundred for each: Vue nodes keep the size that a number had in the workflow before."""
    return 100 * int(example.name.split()[0]) + 1


async def call(page: Page, name: str, *given: Any) -> Any:
    """A function of lay_out.js."""
    words = ", ".join(map(json.dumps, given))
    return json.loads(await page.run(f"{{ return JSON.stringify(await layOut.{name}({words}) ?? null) }}"))


async def write_example(
    page: Page, vue: Page, example: Example, schemas: dict[str, Any], shots: Path | None
) -> None:
    api, numbers = numbered(example.graph, example.order, schemas, first_number(example))
    columns = {
        heading: [[numbers[name] for name in names] for names in stacks]
        for heading, stacks in example.columns.items()
    }
    tiny = {numbers[name]: values for name, values in example.tiny.items()}
    models = {numbers[name]: model for name, model in example.models.items()}
    await call(page, "loaded", api, example.name)
    await page.run(
        "{ window.notes = {}; for (const [heading, text] of Object.entries("
        f"{json.dumps(example.notes)})) notes[heading] = layOut.noteWith(text); }}"
    )
    end, why = await call_slowly(page, "run", tiny)
    assert end == "execution_success", (example.name, end, why)
    await vue.send("Page.bringToFront")  # what is behind is not drawn
    heights = await call(vue, "heightsOf", await page.run("app.graph.serialize()"))
    await page.send("Page.bringToFront")
    await page.run(
        f"{{ layOut.look(layOut.inColumns({json.dumps(columns)}, notes, {json.dumps(heights)})); "
        "await layOut.rest(2000) }"
    )
    if shots:
        await page.shot(shots / f"{example.name}.png")
    await page.run("layOut.look()")
    saved = await call(page, "saved", models)
    opened = await page.run(
        f"{{ await app.loadGraphData({json.dumps(saved)}); return (await app.graphToPrompt()).output }}"
    )
    for number, entry in api.items():
        assert entry["inputs"].items() <= opened[number]["inputs"].items(), (
            example.name,
            opened[number],
            entry,
        )
    write(EXAMPLE_FOLDER / f"{example.name}.json", saved)
    write(EXAMPLE_FOLDER / "api" / f"{example.name}.json", api)
    print(f"{example.name}: {len(api)} nodes", flush=True)


async def call_slowly(page: Page, name: str, *given: Any) -> Any:
    """`call` for what takes longer than the browser's protocol waits."""
    words = ", ".join(map(json.dumps, given))
    await page.run(
        f"{{ window.result = null; layOut.{name}({words}).then((got) => {{ window.result = [got] }}) }}"
    )
    await page.wait_for("window.result !== null", SECONDS)
    return (await page.run("window.result"))[0]


async def write_block(page: Page, block: Block, schemas: dict[str, Any]) -> None:
    api, numbers = numbered(block.graph, [name for names in block.columns for name in names], schemas)
    columns = [[numbers[name] for name in names] for names in block.columns]
    inputs = {label: [[numbers[name], i] for name, i in places] for label, places in block.inputs.items()}
    outputs = {label: [numbers[name], output] for label, (name, output) in block.outputs.items()}
    await call(page, "loaded", api, block.name)
    saved = await call(page, "block", block.name, inputs, outputs, columns)
    (made,) = saved["nodes"]
    (subgraph,) = saved["definitions"]["subgraphs"]
    subgraph |= {"category": CATEGORY, "description": block.description}
    for node in (made, *subgraph["nodes"]):
        for name in ("ver", "cnr_id"):
            node.get("properties", {}).pop(name, None)
    kept = ("revision", "last_node_id", "last_link_id", "nodes", "links", "version", "definitions")
    write(BLOCK_FOLDER / f"{block.name}.json", {name: saved[name] for name in kept})
    print(f"{block.name}: {len(api)} nodes inside", flush=True)


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


async def opened(chromium: Browser, url: str) -> Page:
    page = await chromium.open(url)
    await page.send("Emulation.setDeviceMetricsOverride", **SIZE)
    await page.wait_for("window.app?.graph && LiteGraph.registered_node_types.SliderSweep")
    await page.run(f"{{ {(ROOT / 'scripts/demo/lay_out.js').read_text(encoding='utf-8')} }}")
    return page


@asynccontextmanager
async def fresh_server() -> AsyncIterator[tuple[Server, Browser]]:
    """A ComfyUI that has this pack and nothing else, and a browser."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        base = Path(folder)
        for name in ("custom_nodes", "input", "models", "output", "user/default"):
            (base / name).mkdir(parents=True)
        (base / "user" / "default" / "comfy.settings.json").write_text(json.dumps(SETTINGS))
        (base / "no_more_paths.yaml").write_text("{}")
        install.link_pack(base)
        home = Path(os.environ["COMFYUI_PATH"])
        async with Server(home, base, base / "no_more_paths.yaml", free_port(), ["--cpu"]) as server:
            async with browser() as chromium:
                yield server, chromium


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="only those whose name has this word")
    parser.add_argument("--shots", type=Path)
    options = parser.parse_args()
    async with fresh_server() as (server, chromium):
        schemas = await server.schemas()
        page, vue = await opened(chromium, server.url), await opened(chromium, server.url)
        await vue.run("app.extensionManager.setting.set('Comfy.VueNodes.Enabled', true)")
        await page.send("Page.bringToFront")
        for block in (make() for make in BLOCKS):
            if options.only in block.name:
                await write_block(page, block, schemas)
        for example in (make() for make in EXAMPLES):
            if options.only in example.name:
                await write_example(page, vue, example, schemas, options.shots)


if __name__ == "__main__":
    asyncio.run(main())
