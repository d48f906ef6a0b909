"""Makes the README's pictures: the first example after a run, and its viewer while it is dragged.

    python3 scripts/run.py python scripts/demo/readme_pictures.py

They are photographs of the page: the example runs there on the model that comes along. Takes about three minutes.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent)]

from chromium import Page  # noqa: E402
from examples import train_example  # noqa: E402
from PIL import Image  # noqa: E402

from example_workflows import EXAMPLE_FOLDER, call_slowly, first_number, fresh_server, opened  # noqa: E402

FOLDER = Path(__file__).resolve().parent / "readme"
WIDTH = 1600  # of the graph's picture
VIEWER = "document.querySelector('.concept-sliders.viewer')"
PACE = 90  # milliseconds a picture


async def photograph(page: Page, x: float, y: float, width: float, height: float) -> Image.Image:
    clip = {"x": x, "y": y, "width": width, "height": height, "scale": 1}
    taken = await page.send("Page.captureScreenshot", format="png", clip=clip)
    return Image.open(io.BytesIO(base64.b64decode(taken["data"]))).convert("RGB")


async def graph(page: Page) -> Image.Image:
    """The whole canvas, between the tabs above and the tools at the left."""
    ends = await page.run(
        "[0, 1].map((side) => Math.max(...app.graph.nodes.map(({ pos, size }) => pos[side] + size[side])))"
    )
    await page.run(f"{{ layOut.look({ends}); await layOut.rest(8000) }}")  # messages go
    scale, offset = await page.run("[app.canvas.ds.scale, app.canvas.ds.offset[0]]")
    right, bottom = (scale * (end + offset + 30) for end in ends)
    taken = await photograph(page, 60, 85, right - 60, bottom - 85)
    return taken.resize((WIDTH, round(taken.height * WIDTH / taken.width)), Image.Resampling.LANCZOS)


async def viewer(page: Page) -> list[Image.Image]:
    """The viewer from its lowest strength to its highest and back, dragged by its track."""
    await page.run(
        "{ const { pos } = app.graph.nodes.find((node) => node.type === 'SliderSweep'); app.canvas.ds.scale = 1.1; "
        "app.canvas.ds.offset = [200 - pos[0], -250 - pos[1]]; app.canvas.setDirty(true, true); "
        "await layOut.rest(1500) }"
    )
    box = await page.settled(VIEWER)
    track = await page.settled(f"{VIEWER}.querySelector('input[type=range]')")
    y, reach = track["y"] + track["height"] / 2, track["width"] - 20
    await page.mouse("mousePressed", track["x"] + 10, y)
    frames = []
    for part in [*range(0, 101, 4), *range(96, 0, -4)]:
        await page.mouse("mouseMoved", track["x"] + 10 + reach * part / 100, y)
        await asyncio.sleep(0.15)
        frames.append(await photograph(page, *(box[side] for side in ("x", "y", "width", "height"))))
    await page.mouse("mouseReleased", track["x"] + 10, y)
    return frames


async def main() -> None:
    example = train_example()
    numbers = {name: str(number) for number, name in enumerate(example.order, first_number(example))}
    data = json.loads((EXAMPLE_FOLDER / f"{example.name}.json").read_text(encoding="utf-8"))
    tiny = {numbers[name]: [*values.values()] for name, values in example.tiny.items()}
    for node in data["nodes"]:
        first = tiny.get(str(node["id"]), [])  # widgets are the first of their nodes
        node["widgets_values"][: len(first)] = first
    FOLDER.mkdir(exist_ok=True)
    async with fresh_server() as (server, chromium):
        page = await opened(chromium, server.url)
        await page.run(f"app.loadGraphData({json.dumps(data)})")
        end, why = await call_slowly(page, "run", {})
        assert end == "execution_success", (end, why)
        (await graph(page)).save(FOLDER / "graph.webp", quality=82, method=6)
        first, *others = await viewer(page)
        first.save(
            FOLDER / "viewer.webp",
            save_all=True,
            append_images=others,
            duration=PACE,
            loop=0,
            quality=80,
            method=6,
        )
    for file in sorted(FOLDER.iterdir()):
        print(f"{file.name}: {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    asyncio.run(main())
