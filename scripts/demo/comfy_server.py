"""A ComfyUI server for the demo: starts it, posts a workflow, follows it, and says what went wrong."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

START_SECONDS = 180
Event = Callable[[str, dict[str, Any]], None]


class DemoError(Exception):
    """The demo cannot go on; the message says why and what to do."""


def free_port(wanted: int = 0) -> int:
    """The wanted port if nothing listens there; any free one for 0."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            raise DemoError(
                f"Port {wanted} is in use ({error.strerror}). Choose another, or leave --port out."
            ) from None
        return probe.getsockname()[1]


def environment() -> dict[str, str]:
    """One thread unless told otherwise: the model is so small that more only wait for each other."""
    return {"OMP_NUM_THREADS": "1", **os.environ}


class Server:
    """ComfyUI as a child process, with its own folders below `base`. Use as `async with`."""

    def __init__(self, comfyui: Path, base: Path, model_paths: Path, port: int, arguments: list[str]):
        self.url, self.log = f"http://127.0.0.1:{port}", base / "server.log"
        self.command = [
            sys.executable, str(comfyui / "main.py"), "--port", str(port), "--base-directory", str(base),
            "--extra-model-paths-config", str(model_paths), *arguments,
        ]  # fmt: skip
        self.process: subprocess.Popen | None = None
        self.client = uuid.uuid4().hex

    async def __aenter__(self) -> Server:
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=subprocess.STDOUT, env=environment()
            )
        self.session = aiohttp.ClientSession(self.url)
        try:
            await self._started()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.session.close()
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()

    async def _started(self) -> None:
        until = time.time() + START_SECONDS
        while time.time() < until:
            self.check_alive()
            try:
                async with self.session.get("/system_stats"):
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.2)
        raise DemoError(f"ComfyUI did not answer within {START_SECONDS} s. Its output is in {self.log}.")

    def check_alive(self) -> None:
        if self.process is None or self.process.poll() is not None:
            code = "" if self.process is None else f" (exit code {self.process.returncode})"
            last = "\n  ".join(self.log.read_text(errors="replace").splitlines()[-12:])
            raise DemoError(f"The ComfyUI server ended{code}. The end of {self.log}:\n  {last}")

    async def schemas(self) -> dict[str, Any]:
        """Every node that the server knows."""
        async with self.session.get("/object_info") as answer:
            return await answer.json()

    async def run(self, workflow: dict[str, Any], timeout: float, on_event: Event) -> dict[str, dict[str, Any]]:
        """Posts an API workflow and waits for its end. Gives each node's outputs to the page, by node id.

        `on_event(type, data)` gets every message of the server.
        """
        try:
            async with (
                asyncio.timeout(timeout),
                self.session.ws_connect(f"/ws?clientId={self.client}") as messages,
            ):
                await self._post(workflow)
                return await self._follow(messages, workflow, on_event)
        except TimeoutError:
            raise DemoError(
                f"The workflow was not done after {timeout:.0f} s (--timeout). See {self.log}."
            ) from None
        except aiohttp.ClientError as error:
            await asyncio.sleep(1)
            self.check_alive()
            raise DemoError(f"The connection to ComfyUI broke: {error}. See {self.log}.") from None

    async def _post(self, workflow: dict[str, Any]) -> None:
        body = {"prompt": workflow, "client_id": self.client}
        async with self.session.post("/prompt", json=body) as answer:
            if answer.status != 200:
                raise DemoError("ComfyUI refused the workflow:\n" + refusal(await answer.json(), workflow))

    async def _follow(
        self, messages: Any, workflow: dict[str, Any], on_event: Event
    ) -> dict[str, dict[str, Any]]:
        outputs: dict[str, dict[str, Any]] = {}
        async for message in messages:
            if message.type != aiohttp.WSMsgType.TEXT:
                continue
            event = json.loads(message.data)
            kind, data = event["type"], event["data"]
            on_event(kind, data)
            if kind == "executed":
                outputs[data["node"]] = data["output"] or {}
            elif kind == "execution_error":
                title = titled(workflow, data["node_id"])
                raise DemoError(
                    f"{title} failed: {data['exception_message'].strip()}\nThe whole story is in {self.log}."
                )
            elif kind == "execution_interrupted":
                raise DemoError("The workflow was cancelled.")
            elif kind == "execution_success":
                return outputs
        await asyncio.sleep(1)
        self.check_alive()
        raise DemoError(f"ComfyUI closed the connection before the workflow was done. See {self.log}.")


def titled(workflow: dict[str, Any], node: str) -> str:
    """A node as the page calls it."""
    entry = workflow.get(node, {})
    return entry.get("_meta", {}).get("title") or entry.get("class_type", f"node {node}")


def refusal(answer: dict[str, Any], workflow: dict[str, Any]) -> str:
    """What ComfyUI has against a workflow, one line a complaint."""
    lines = []
    for node, errors in (answer.get("node_errors") or {}).items():
        for error in errors["errors"]:
            lines.append(f"  {titled(workflow, node)}: {error['message']} {error['details']}")
    return "\n".join(lines) or f"  {answer['error']['message']} {answer['error'].get('details', '')}"
