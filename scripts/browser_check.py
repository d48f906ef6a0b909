"""Opens ComfyUI's page in a headless Chromium and checks what this pack adds to it.

    python3 scripts/run.py python scripts/browser_check.py [--url URL] [--shots FOLDER]

Starts a server of its own unless --url names a running one. Needs Chromium or Chrome on the PATH. Checks that
every node can be added, has a help page, and that the sweep viewer and the training panel work from the mouse
and the keyboard, with no error in the page's console. With --shots, pictures of the page are kept there.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1500,1000 --remote-debugging-port=0"
).split()
SECONDS = 180


class Page:
    """One page of the browser, through Chrome's DevTools protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse):
        self.socket, self.sent = socket, 0
        self.answers: dict[int, asyncio.Future] = {}
        self.problems: list[str] = []
        self.reader = asyncio.create_task(self._read())

    async def send(self, method: str, **params: Any) -> dict:
        self.sent += 1
        answer = self.answers[self.sent] = asyncio.get_running_loop().create_future()
        await self.socket.send_json({"id": self.sent, "method": method, "params": params})
        return await asyncio.wait_for(answer, SECONDS)

    async def _read(self) -> None:
        async for message in self.socket:
            data = json.loads(message.data)
            if "id" in data:
                self.answers.pop(data["id"]).set_result(data.get("result", {}))
            elif data["method"] == "Runtime.exceptionThrown":
                details = data["params"]["exceptionDetails"]
                self.problems.append(details.get("exception", {}).get("description") or details["text"])
            elif data["method"] == "Log.entryAdded" and data["params"]["entry"]["level"] == "error":
                entry = data["params"]["entry"]
                self.problems.append(f"{entry['text']} {entry.get('url', '')}")
            elif data["method"] == "Runtime.consoleAPICalled" and data["params"]["type"] in (
                "error",
                "warning",
            ):
                values = [str(arg.get("value", arg.get("description"))) for arg in data["params"]["args"]]
                self.problems.append(" ".join(values))

    async def run(self, script: str) -> Any:
        """The value of a JavaScript expression, awaited."""
        answer = await self.send(
            "Runtime.evaluate", expression=f"(async () => {script})()", awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise AssertionError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    async def wait_for(self, script: str) -> None:
        for _ in range(SECONDS * 2):
            if await self.run(f"!!({script})"):
                return
            await asyncio.sleep(0.5)
        raise AssertionError(f"the page never came to: {script}")

    async def settled(self, selector: str) -> dict[str, float]:
        """Where an element is, once the page has stopped moving it."""
        before, box = None, {}
        while box != before or not box:
            before = box
            await asyncio.sleep(0.5)
            box = await self.run(f"document.querySelector('{selector}').getBoundingClientRect().toJSON()")
        return box

    async def key(self, name: str) -> None:
        for kind in ("keyDown", "keyUp"):
            code = {"ArrowRight": 39, "ArrowLeft": 37, "Home": 36, "End": 35}[name]
            await self.send(
                "Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code
            )

    async def mouse(self, kind: str, x: float, y: float) -> None:
        await self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    async def shot(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            picture = await self.send("Page.captureScreenshot", format="png")
            path.write_bytes(base64.b64decode(picture["data"]))


@asynccontextmanager
async def browser(url: str):
    """A page at `url`, in a browser with an empty profile."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        sys.exit(f"No browser found. Install one of: {', '.join(BROWSERS)}.")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            port_file = Path(profile, "DevToolsActivePort")
            await _until(port_file.exists, "the browser did not start")
            port = port_file.read_text().split()[0]
            async with aiohttp.ClientSession() as session:
                pages = await (await session.get(f"http://127.0.0.1:{port}/json")).json()
                address = next(page for page in pages if page["type"] == "page")["webSocketDebuggerUrl"]
                async with session.ws_connect(address, max_msg_size=0) as socket:
                    page = Page(socket)
                    for domain in ("Page", "Runtime", "Log"):
                        await page.send(f"{domain}.enable")
                    await page.send("Page.navigate", url=url)
                    yield page
        finally:
            process.terminate()
            process.wait()


async def _until(condition, message: str) -> None:
    for _ in range(SECONDS * 4):
        if condition():
            return
        await asyncio.sleep(0.25)
    raise AssertionError(message)


@asynccontextmanager
async def server(base: Path):
    """ComfyUI with this pack, its folders below `base`; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (base / "custom_nodes").mkdir(parents=True)
    (base / "custom_nodes" / "concept-sliders").symlink_to(ROOT, target_is_directory=True)
    settings = base / "user" / "default" / "comfy.settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"Comfy.TutorialCompleted": true}')  # else a welcome covers the page
    main = Path(os.environ["COMFYUI_PATH"], "main.py")
    command = [sys.executable, str(main), "--cpu", "--port", str(port), "--base-directory", str(base)]
    with (base / "server.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        async with aiohttp.ClientSession() as session:
            for _ in range(SECONDS * 2):
                try:
                    await session.get(f"{url}/object_info/SliderSweep")
                    break
                except aiohttp.ClientError:
                    assert process.poll() is None, (base / "server.log").read_text()[-2000:]
                    await asyncio.sleep(0.5)
        yield url
    finally:
        process.terminate()
        process.wait()


def node_ids() -> list[str]:
    """The ids of the pack's nodes, by their help pages (a test compares these with the schemas)."""
    return sorted(page.stem for page in (ROOT / "web" / "docs").glob("*.md"))


async def check_nodes(page: Page) -> None:
    await page.wait_for("window.app?.graph && window.LiteGraph && document.querySelector('canvas')")
    await page.wait_for("LiteGraph.registered_node_types.SliderSweep")
    await page.run("{ app.graph.clear(); app.canvas.ds.scale = 0.7; app.canvas.ds.offset = [20, 60] }")
    for index, name in enumerate(node_ids()):
        place = [80 + 420 * (index % 5), 40 + 620 * (index // 5)]
        made = await page.run(
            f"{{ const node = LiteGraph.createNode('{name}'); if (!node) return false; node.pos = {place}; "
            f"app.graph.add(node); return node.type }}"
        )
        assert made == name, f"the page cannot make a {name}"
        status = await page.run(f"(await fetch('/extensions/concept-sliders/docs/{name}.md')).status")
        assert status == 200, f"{name} has no help page"


SWEEP = {
    "strengths": [-2, -1, 0, 1, 2],
    "rows": [{"prompt": "a face", "seed": "seed 1"}, {"prompt": "a face", "seed": "seed 2"}],
    "usable_range": [-1, 2],
}


def sweep_pictures(folder: Path | None) -> dict:
    """A sweep result as Slider Sweep gives it, with plain pictures in the server's temp folder."""
    rows = []
    for row in range(2):
        names = [f"browser_check_{row}_{column}.png" for column in range(5)]
        for column, name in enumerate(names if folder else []):
            Image.new("RGB", (96, 96), (40 + 50 * column, 90 + 90 * row, 140)).save(folder / name)
        rows.append([{"filename": name, "subfolder": "", "type": "temp"} for name in names])
    return {**SWEEP, "frames": rows}


async def check_viewer(page: Page, sweep: dict, shots: Path | None) -> None:
    result = json.dumps({"slider_sweep": [sweep], "text": ["Usable range -1 to 2\nMonotonicity 1.00"]})
    await page.run(
        "{ const node = window.sweepNode = LiteGraph.createNode('SliderSweep'); "
        f"node.pos = [20, 1400]; app.graph.add(node); app.canvas.ds.offset = [300, -1330]; node.onExecuted({result}) }}"
    )
    await page.wait_for("document.querySelector('.concept-sliders .picture img')?.naturalWidth")
    report = await page.run("document.querySelector('.concept-sliders pre').textContent")
    assert report.endswith("Monotonicity 1.00"), "the report is not shown on the node"
    state = (
        "[document.querySelector('.concept-sliders output').value, document.querySelector('.picture img').alt]"
    )
    assert await page.run(state) == ["0", "a face, seed 1, strength 0"]

    await page.run("{ document.querySelector('.concept-sliders input[type=range]').focus() }")
    await page.key("ArrowRight")
    assert (await page.run(state))[0] == "+1", "the right arrow key does not raise the strength"
    await page.key("Home")
    assert (await page.run(state))[0] == "−2"
    outside = await page.run("document.querySelector('.concept-sliders .note').textContent")
    assert "outside" in outside, outside

    box = await page.settled(".picture")
    middle = box["y"] + box["height"] / 2
    await page.mouse("mousePressed", box["x"] + 5, middle)
    await page.mouse("mouseMoved", box["x"] + box["width"] - 3, middle)
    await page.mouse("mouseReleased", box["x"] + box["width"] - 3, middle)
    assert (await page.run(state))[0] == "+2", "dragging over the picture does not set the strength"
    assert await page.run("window.sweepNode.pos[0]") == 20, "dragging over the picture moved the node"

    await page.run(
        "{ const rows = document.querySelector('.concept-sliders select'); rows.value = 1; "
        "rows.dispatchEvent(new Event('change')) }"
    )
    assert (await page.run(state))[1] == "a face, seed 2, strength +2"
    saved = await page.run("window.sweepNode.serialize().widgets_values")
    assert not any(isinstance(value, dict) for value in saved), "the viewer is saved with the workflow"
    await page.shot(shots and shots / "viewer.png")


async def check_panel(page: Page, shots: Path | None) -> None:
    await page.run(
        "{ const node = window.trainer = LiteGraph.createNode('SliderTrainer'); "
        "node.pos = [940, 1400]; app.graph.add(node); for (let step = 1; step <= 200; step++) "
        "app.api.dispatchCustomEvent('concept_sliders.progress', { node_id: String(node.id), step, steps: 300, "
        "loss: { positive: 0.3 + 0.3 * Math.exp(-step / 40) + 0.05 * Math.sin(step), "
        "negative: 0.25 + 0.3 * Math.exp(-step / 60) }, rate: 5e-4, seconds_per_step: 1.5 }) }"
    )
    await page.wait_for("document.querySelectorAll('.concept-sliders polyline').length == 2")
    status = await page.run(
        "document.querySelector('.concept-sliders:not([hidden]) [role=status]').textContent"
    )
    assert status == "step 200 of 300 · 1.50 s a step · 2:30 min left · rate 5.0e-4", status
    await page.settled(".concept-sliders:not([hidden]) svg")
    await page.shot(shots and shots / "panel.png")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="of a running server; with --temp, its temp folder, for pictures")
    parser.add_argument("--temp", type=Path)
    parser.add_argument("--shots", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as base:
        if options.url:
            await check(options.url, options.temp, options.shots)
            return
        async with server(Path(base, "comfyui")) as url:
            temp = Path(base, "comfyui", "temp")
            temp.mkdir(exist_ok=True)
            await check(url, temp, options.shots)


async def check(url: str, temp: Path | None, shots: Path | None) -> None:
    async with browser(url) as page:
        await check_nodes(page)
        await page.shot(shots and shots / "nodes.png")
        await check_viewer(page, sweep_pictures(temp), shots)
        await check_panel(page, shots)
        ours = [
            problem for problem in page.problems if "concept" in problem.lower() or "slider" in problem.lower()
        ]
        assert not ours, "\n".join(ours)
    print(f"{len(node_ids())} nodes, the sweep viewer and the training panel work; no error in the console.")


if __name__ == "__main__":
    asyncio.run(main())
