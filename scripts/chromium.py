"""A page in a headless Chromium, driven through Chrome's DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1500,1000 --remote-debugging-port=0"
).split()
SECONDS = 60  # a busy machine of two cores takes its time
KEYS = {"ArrowRight": 39, "ArrowLeft": 37, "Home": 36, "End": 35, "Enter": 13, "Escape": 27, "Tab": 9, " ": 32}
BUTTONS = {"none": 0, "left": 1, "right": 2, "middle": 4}


def program() -> str | None:
    """The browser on this machine, if there is one."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


class Page:
    """One page of the browser. `problems` are the errors and warnings of its console."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse):
        self.socket, self.sent = socket, 0
        self.answers: dict[int, asyncio.Future] = {}
        self.problems: list[str] = []
        self.asked: list[str] = []
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
                answer = self.answers.pop(data["id"])
                if not answer.done():
                    answer.set_result(data.get("result", {}))
            elif data["method"] == "Page.javascriptDialogOpening":  # "leave the page?"
                asyncio.create_task(self.send("Page.handleJavaScriptDialog", accept=True))
            elif data["method"] == "Network.requestWillBeSent":
                self.asked.append(data["params"]["request"]["url"])
            elif problem := _problem(data["method"], data["params"]):
                self.problems.append(problem)

    async def run(self, script: str) -> Any:
        """The value of a JavaScript expression, or of a `{ block }` with a return, awaited."""
        answer = await self.send(
            "Runtime.evaluate", expression=f"(async () => {script})()", awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise AssertionError(details.get("exception", {}).get("description", details["text"]))
        if "result" not in answer:
            raise AssertionError("the page was left meanwhile")
        return answer["result"].get("value")

    async def wait_for(self, script: str, seconds: float = SECONDS) -> Any:
        """The value of an expression once it is true."""
        until = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < until:
            if value := await self.run(
                f"{{ const value = ({script}); return value instanceof Node || value }}"
            ):
                return value
            await asyncio.sleep(0.1)
        raise AssertionError(f"the page never came to: {script}")

    async def settled(self, expression: str) -> dict[str, float]:
        """Where an element is, once the page has stopped moving it."""
        before = None
        for _ in range(10 * SECONDS):
            box = await self.run(f"({expression})?.getBoundingClientRect().toJSON()")
            if box and box == before:
                return box
            before = box
            await asyncio.sleep(0.1)
        raise AssertionError(f"there is no such element, or it does not come to rest: {expression}")

    async def key(self, name: str, text: str = "", kinds: tuple[str, ...] = ("keyDown", "keyUp")) -> None:
        code = KEYS.get(name) or ord(name.upper())
        for kind in kinds:
            typed = {"text": text} if text and kind == "keyDown" else {}
            await self.send(
                "Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code, **typed
            )

    async def mouse(self, kind: str, x: float, y: float, button: str = "left", **more: Any) -> None:
        await self.send(
            "Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, buttons=BUTTONS[button],
            clickCount=1, **more,
        )  # fmt: skip

    async def click(self, x: float, y: float) -> None:
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            await self.mouse(kind, x, y)

    async def drag(self, start: tuple[float, float], end: tuple[float, float], button: str = "left") -> None:
        await self.mouse("mouseMoved", *start, button="none")
        await self.mouse("mousePressed", *start, button)
        await self.mouse("mouseMoved", *((a + b) / 2 for a, b in zip(start, end, strict=True)), button)
        await self.mouse("mouseMoved", *end, button)
        await self.mouse("mouseReleased", *end, button)

    async def shot(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = await self.send("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(picture["data"]))


def _problem(method: str, params: dict[str, Any]) -> str | None:
    if method == "Runtime.exceptionThrown":
        details = params["exceptionDetails"]
        return details.get("exception", {}).get("description") or details["text"]
    if method == "Log.entryAdded" and params["entry"]["level"] == "error":
        return f"{params['entry']['text']} {params['entry'].get('url', '')}"
    if method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
        return " ".join(str(arg.get("value", arg.get("description"))) for arg in params["args"])
    return None


class Browser:
    """A running browser, and how to open pages in it."""

    def __init__(self, port: int, session: aiohttp.ClientSession):
        self.address, self.session = f"http://127.0.0.1:{port}", session

    async def open(self, url: str = "about:blank") -> Page:
        """A page in a tab of its own."""
        async with self.session.put(f"{self.address}/json/new?about:blank") as answer:
            page = await self.attach((await answer.json())["webSocketDebuggerUrl"])
        await page.send("Page.navigate", url=url)
        return page

    async def attach(self, address: str) -> Page:
        page = Page(await self.session.ws_connect(address, max_msg_size=0))
        for domain in ("Page", "Runtime", "Log", "Network"):
            await page.send(f"{domain}.enable")
        await page.send("Emulation.setFocusEmulationEnabled", enabled=True)
        return page


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """A browser with an empty profile.

    Raises:
        FileNotFoundError: if there is none on this machine.
    """
    found = program()
    if found is None:
        raise FileNotFoundError(f"No browser found. Install one of: {', '.join(BROWSERS)}.")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [found, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            port_file = Path(profile, "DevToolsActivePort")
            while not port_file.exists() or not port_file.read_text():
                if process.poll() is not None:
                    raise AssertionError("the browser did not start")
                await asyncio.sleep(0.1)
            async with aiohttp.ClientSession() as session:
                yield Browser(int(port_file.read_text().split()[0]), session)
        finally:
            process.terminate()
            process.wait()
