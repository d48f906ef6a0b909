"""The example workflows and the blocks, as the page loads them: tidy after a run, run on what comes along."""

import json
from pathlib import Path

import pytest
from comfy_page import PLAIN, RANGE

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = sorted(file.stem for file in (ROOT / "example_workflows").glob("*.json"))
QUICK = {
    "CheckpointLoaderSimple": {"ckpt_name": "tiny_faces.safetensors"},
    "PrimitiveInt": {"value": 128},
    "SliderTrainer": {"steps": 2, "preview_every": 0},
    "SliderFromWords": {"pictures": 1, "steps": 1},
    "SliderDataset": {"config": '{"max_train_steps": 2}'},
    "SliderSweep": {"steps": 1},
    "KSampler": {"steps": 1},
}
STORE = "document.querySelector('#vue-app').__vue_app__.config.globalProperties.$pinia._s.get('subgraph')"
BLOCK = f"{STORE}.subgraphBlueprints.find((block) => block.display_name === '%s')"


def opened(page, name):
    """In the same page as the others: Vue nodes keep the sizes of the workflow before, by their numbers."""
    data = json.loads((ROOT / "example_workflows" / f"{name}.json").read_text(encoding="utf-8"))
    page.run(f"{{ const data = {json.dumps(data)}; data.id = crypto.randomUUID(); "
             "await app.loadGraphData(data, true, true, data.id) }")  # fmt: skip
    for kind, values in QUICK.items():
        for widget, value in values.items():
            page.run(
                f"{{ for (const node of app.graph.nodes.filter((node) => node.type === '{kind}')) "
                f"node.widgets.find((widget) => widget.name === '{widget}').value = {json.dumps(value)} }}"
            )


def boxes(page):
    """Left, top, right and bottom of every node, by title, in the canvas's units."""
    if page.vue:
        return page.run(
            "Object.fromEntries([...document.querySelectorAll('[data-node-id]')].map((element) => { "
            "const box = element.getBoundingClientRect(), scale = app.canvas.ds.scale; "
            "return [element.dataset.nodeId + app.graph.getNodeById(element.dataset.nodeId).title, "
            "[box.left, box.top, box.right, box.bottom].map((side) => side / scale)] }))"
        )
    return page.run(
        "Object.fromEntries(app.graph.nodes.map(({ id, title, pos, size }) => "
        "[id + title, [pos[0], pos[1] - 30, pos[0] + size[0], pos[1] + size[1]]]))"
    )


def overlapping(found):
    names = sorted(found)
    return [
        (one, other)
        for index, one in enumerate(names)
        for other in names[index + 1 :]
        if found[one][0] < found[other][2] and found[other][0] < found[one][2]
        and found[one][1] < found[other][3] and found[other][1] < found[one][3]
    ]  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_on_what_comes_along_and_is_tidy_after(page, name):
    opened(page, name)
    page.run(
        "{ app.canvas.ds.scale = 0.4; app.canvas.ds.offset = [150, 150]; app.canvas.setDirty(true, true) }"
    )
    assert not page.run("Object.keys(app.lastNodeErrors ?? {})")
    page.queue("window.done")
    assert page.run("window.done") == "execution_success", page.run(
        "[app.lastNodeErrors, app.lastExecutionError]"
    )
    page.wait_for("document.querySelector('.concept-sliders .picture img')?.naturalWidth")
    page.settled("document.querySelector('.concept-sliders .picture')")
    found = boxes(page)
    assert len(found) == page.run("app.graph.nodes.length") and overlapping(found) == []


def test_examples_are_offered_in_their_order(page):
    page.command("Comfy.BrowseTemplates")
    titles = "[...document.querySelectorAll('[role=dialog] h3')].map((title) => title.textContent.trim())"
    page.wait_for(f"{titles}.filter((title) => /^0\\d /.test(title)).length === {len(EXAMPLES)}")
    assert [title for title in page.run(titles) if title in EXAMPLES] == EXAMPLES
    page.key("Escape")


def test_overlapping_nodes_are_noticed():
    assert overlapping({"a": [0, 0, 10, 10], "b": [9, 9, 20, 20], "c": [10, 0, 20, 9]}) == [("a", "b")]


def placed(page, name):
    """A block on an empty canvas, as a click in the node library puts it there."""
    page.wait_for(f"!!({BLOCK % name})")
    page.run(
        f"{{ app.graph.clear(); const {{ nodes, definitions }} = {STORE}.getBlueprint(({BLOCK % name}).name); "
        "app.canvas._deserializeItems({ nodes, subgraphs: definitions.subgraphs }, { position: [0, 0] }) }"
    )


def test_blocks_are_offered_and_have_what_their_nodes_need(page):
    for name, inside in {
        "Train a slider": {"SliderTargets", "BucketLoader", "CycleSampler", "SliderTrainer"},
        "Sweep a slider": {"CLIPTextEncode", "SliderSweep"},
        "Mix sliders": {"SliderApply", "CLIPTextEncode", "EmptyLatentImage", "KSampler", "VAEDecode"},
    }.items():
        placed(page, name)
        queued = page.run("Object.values((await app.graphToPrompt()).output).map((node) => node.class_type)")
        assert set(queued) == inside
        sockets = page.run(
            "app.graph.nodes[0].inputs.filter((input) => !input.widget).map((input) => input.name)"
        )
        assert sockets[:3] == ["model", "clip", "vae"]


@pytest.mark.parametrize(
    "name, sliders",
    [
        ("Mix sliders", {"first slider": PLAIN, "second slider": RANGE, "second strength": -0.5}),
        ("Sweep a slider", {"slider_file": PLAIN}),
    ],
)
def test_a_block_makes_pictures(page, name, sliders):
    """With a model on its sockets and its widgets set on the block itself."""
    placed(page, name)
    page.run(
        f"{{ const values = {json.dumps(sliders)};"
        """
        const [block] = app.graph.nodes;
        Object.assign(values, { width: 64, height: 64, steps: 1, prompt: "a person with red hair" });
        for (const [name, value] of Object.entries(values)) block.widgets.find((w) => w.name === name).value = value;
        const checkpoint = LiteGraph.createNode("CheckpointLoaderSimple"), look = LiteGraph.createNode("PreviewImage");
        for (const node of [checkpoint, look]) app.graph.add(node);
        checkpoint.widgets[0].value = "tiny_faces.safetensors";
        for (const slot of [0, 1, 2]) checkpoint.connect(slot, block, slot);
        block.connect(0, look, 0);
        }"""
    )
    page.queue("window.done")
    assert page.run("window.done") == "execution_success", page.run(
        "[app.lastNodeErrors, app.lastExecutionError]"
    )
    look = page.run("app.graph.nodes.find((node) => node.type === 'PreviewImage').id")
    page.wait_for(f"app.nodeOutputs[{look}]?.images?.length === 1")
