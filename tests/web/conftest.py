"""ComfyUI's real page in a headless Chromium, with this pack and the tiny model. One server and one browser for all.

    def test_something(page):            # once in the classic renderer, once in Vue nodes
        page.load(sweep_workflow())
        page.queue()

Skipped where there is no Chromium (apt install chromium).
"""

import asyncio
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "scripts" / "demo"), str(Path(__file__).parent)]

import chromium  # noqa: E402
import comfy_page  # noqa: E402
from comfy_server import Server, free_port  # noqa: E402


@pytest.fixture(scope="session")
def comfy(tmp_path_factory):
    """A running server and browser."""
    if chromium.program() is None:
        pytest.skip("the page is not tested: there is no Chromium on this machine")
    base = tmp_path_factory.mktemp("comfyui")
    comfy_page.fill(base)
    home = Path(os.environ.get("COMFYUI_PATH", ROOT / ".comfyui" / "ComfyUI"))
    server = Server(home, base, ROOT / "scripts/demo/extra_model_paths.yaml", free_port(), ["--cpu"])
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        try:
            runner.run(stack.enter_async_context(server))
            browser = runner.run(stack.enter_async_context(chromium.browser()))
            yield comfy_page.Comfy(runner, server, browser, base)
        finally:
            runner.run(stack.aclose())


@pytest.fixture(scope="session", params=["classic", "vue nodes"])
def renderer(request, comfy):
    page = comfy.open()
    page.run(
        f"app.extensionManager.setting.set('Comfy.VueNodes.Enabled', {str(request.param != 'classic').lower()})"
    )
    page.vue = request.param != "classic"
    yield page
    page.run("{ localStorage.clear(); sessionStorage.clear() }")  # else the next page opens what this one had
    page.close()


@pytest.fixture
def page(renderer):
    """The page in one of the renderers; at the end nothing of ours may have complained in its console."""
    renderer.problems.clear()
    yield renderer
    renderer.reset()
    assert not comfy_page.ours(renderer.problems)


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items):
    """One worker has the server and the browser."""
    for item in items:
        if "comfy" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("page"))
