"""What the page asks the server for. Reads only, of what the server itself knows or lists."""

from __future__ import annotations

import asyncio

from aiohttp import web

from .loras import ranges_of_file
from .training_events import latest_training, server_instance


def add_routes() -> None:
    server = server_instance()
    if server is not None:
        server.routes.get("/concept_sliders/training")(_training)
        server.routes.get("/concept_sliders/range")(_range)


async def _training(_: web.Request) -> web.Response:
    """The running or last training, see `latest_training`."""
    return web.json_response(latest_training())


async def _range(request: web.Request) -> web.Response:
    """The usable range of `?file=`, a file of the LoRA folders, raw and by its response curve; null where unknown."""
    return web.json_response(await asyncio.to_thread(ranges_of_file, request.query.get("file", "")))
