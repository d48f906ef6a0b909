"""What the tests of the page do on it, and the workflows that they load."""

import json
import time
from pathlib import Path

import install
import workflow
from chromium import SECONDS
from faces import random_faces
from safetensors import safe_open
from safetensors.torch import save_file

ROOT = Path(__file__).resolve().parent.parent.parent
RANGE = "range.safetensors"  # a slider whose file says that it is usable from −1 to 1.5
PLAIN = "plain.safetensors"  # the same, with no range
READY = (
    "window.app?.vueAppReady && app.graph && window.LiteGraph?.registered_node_types.SliderSweep "
    "&& app.extensionManager.workflow.activeWorkflow?.activeState && !app.extensionManager.spinner"
)
SETTINGS = {"Comfy.TutorialCompleted": True, "Comfy.Minimap.Visible": False, "Comfy.Workflow.Persist": True}


def fill(base: Path) -> None:
    """The folders of a ComfyUI: this pack, two sliders, and pictures to train on."""
    for name in ("custom_nodes", "models/loras", "output", "temp", "user/default"):
        (base / name).mkdir(parents=True)
    (base / "user/default/comfy.settings.json").write_text(json.dumps(SETTINGS))
    install.link_pack(base)
    layer = "diffusion_model.joint_blocks.0.x_block.attn.proj"
    with safe_open(ROOT / "scripts/demo/model/tiny_faces.safetensors", "pt") as file:
        weight = file.get_tensor(f"model.{layer}.weight").float()
    lora = {
        f"{layer}.lora_up.weight": weight[:, :4].contiguous(),
        f"{layer}.lora_down.weight": weight[:4].contiguous(),
    }
    save_file(lora, base / "models/loras" / RANGE, {"usable_range": "[-1.0, 1.5]"})
    save_file(lora, base / "models/loras" / PLAIN)
    from demo import write_pictures

    for name in ("positive", "negative"):
        write_pictures(base / "input/demo" / name, random_faces(2, seed=7))


def ours(problems: list[str]) -> list[str]:
    """Those that have to do with this pack, or with messages that nobody took."""
    words = ("concept", "slider", "Unhandled message")
    return [problem for problem in problems if any(word.lower() in problem.lower() for word in words)]


class Comfy:
    """The server and the browser, without async."""

    def __init__(self, runner, server, browser, base):
        self.runner, self.server, self.browser, self.base = runner, server, browser, base
        self.schemas = runner.run(server.schemas())

    def open(self) -> "Tab":
        tab = Tab(self, self.runner.run(self.browser.open(self.server.url)))
        tab.wait_for(READY)
        return tab


class Tab:
    """A tab of the browser with ComfyUI's page: the methods of `chromium.Page`, and what a user does."""

    vue = False

    def __init__(self, comfy: Comfy, page):
        self.comfy, self.page = comfy, page

    def __getattr__(self, name):
        found = getattr(self.page, name)
        return (lambda *a, **k: self.comfy.runner.run(found(*a, **k))) if callable(found) else found

    def load(
        self, graph: workflow.Workflow, places: dict[str, tuple[float, float]], scale: float = 0.6
    ) -> None:
        """A workflow in a tab of ComfyUI's own, with nodes at these places and the others out of sight.

        Every widget has a value: others would have those of the workflow before, which the page keeps by number.
        """
        self.run(
            f"""{{
            await app.loadApiJson({json.dumps(workflow.completed(graph, self.comfy.schemas))}, 'test');
            const places = {json.dumps(places)};
            for (const node of app.graph.nodes) node.pos = places[node.title] ?? [3000, 400 * node.id];
            const data = app.graph.serialize();
            data.id = crypto.randomUUID();
            data.extra.ds = {{ scale: {scale}, offset: [100, 100] }};
            await app.loadGraphData(data, true, true, data.id);
            app.canvas.ds.scale = {scale}; app.canvas.ds.offset = [100, 100];
            app.canvas.setDirty(true, true);
            }}"""
        )

    def queue(self, until: str | None = None) -> None:
        """Presses Run, and waits until the job is done."""
        self.run("{ window.done = null; for (const end of ['execution_success', 'execution_error', "
                 "'execution_interrupted']) app.api.addEventListener(end, () => { window.done = end; }, "
                 "{ once: true }); await app.queuePrompt(0) }")  # fmt: skip
        self.wait_for(until or "window.done === 'execution_success'")

    def node(self, kind: str) -> str:
        """JavaScript for the node of a kind."""
        return f"app.graph.nodes.find((node) => node.type === '{kind}')"

    def middle(self, expression: str) -> tuple[float, float]:
        box = self.settled(expression)
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def press(self, expression: str) -> None:
        self.click(*self.middle(expression))

    def until(self, what, seconds: float = SECONDS):
        """The value of a Python function once it is true."""
        end = time.time() + seconds
        while not (value := what()):
            assert time.time() < end, "it never came to that"
            time.sleep(0.1)
        return value

    def reload(self) -> None:
        self.run("{ window.before = true }")
        self.send("Page.reload")
        self.until(self._loaded_anew)

    def _loaded_anew(self) -> bool:
        try:
            return self.run(f"!window.before && !!({READY})")
        except AssertionError:  # between the two pages
            return False

    def command(self, name: str) -> None:
        self.run(f"app.extensionManager.command.execute('{name}')")

    def reset(self) -> None:
        """Closes all workflows without asking, and sees that nothing runs."""
        self.run(
            "{ await app.api.interrupt(null); const { workflow } = app.extensionManager; "
            "for (const open of [...workflow.openWorkflows].slice(0, -1)) await workflow.closeWorkflow(open) }"
        )

    def close(self) -> None:
        self.send("Page.close")


def node(title: str, kind: str, **inputs) -> dict:
    return workflow.node(kind, title, **inputs)


def sweep_workflow(
    strengths: str = "-2, -1, 0, 1, 2", seeds: int = 2, file: str = PLAIN, **more
) -> workflow.Workflow:
    """Slider Sweep over a file, with Apply Slider on the same one."""
    graph = {
        **workflow.training("none", 1, 1e-4, "off"),
        **workflow.sweep(
            {"curly": "a person with curly red hair", "long": "a person with long blue hair"}, 1, seeds
        ),
        **workflow.apply("a person", 1.0, 5, 1),
    }
    kept = {name: graph[name] for name in ("checkpoint", "clip", "library", "nothing", "sweep", "apply")}
    for name in ("sweep", "apply"):
        kept[name]["inputs"]["slider_file"] = file
        del kept[name]["inputs"]["slider"]
    kept["sweep"]["inputs"] |= {"strengths": strengths, "steps": 1, "width": 64, "height": 64, **more}
    return numbered(kept)


def training_workflow(steps: int) -> workflow.Workflow:
    graph = workflow.training("page", steps, 1e-4, "off")
    graph["train"]["inputs"]["seed"] = steps
    return numbered(graph)


def numbered(graph: workflow.Workflow) -> workflow.Workflow:
    """Ids as the page gives them."""
    ids = {name: str(number) for number, name in enumerate(graph, 1)}
    return {
        ids[name]: {
            **entry,
            "inputs": {
                key: [ids[value[0]], value[1]] if isinstance(value, list) else value
                for key, value in entry["inputs"].items()
            },
        }
        for name, entry in graph.items()
    }
