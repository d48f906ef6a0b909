"""What nodes have shown is there again: in the next tab, after undo, after a reload, in a saved file."""

import json

from comfy_page import sweep_workflow
from test_viewer import PICTURE, PLACES, STRENGTH, swept

REPORTS = (
    "[...document.querySelectorAll('.concept-sliders pre[role=region]')].map((report) => report.textContent)"
)
WORKFLOW = "app.extensionManager.workflow"


def shown(page):
    """Waits for the picture, the measured range and the report."""
    page.wait_for(f"{PICTURE}?.querySelector('img')?.naturalWidth")
    assert page.run(STRENGTH) == "0"
    page.wait_for(f"{REPORTS}.some((text) => text.includes('Monotonicity'))")


def test_results_are_there_when_a_tab_is_shown_again(page):
    swept(page)
    page.run(f"{{ window.first = {WORKFLOW}.activeWorkflow; }}")
    page.command("Comfy.NewBlankWorkflow")
    page.wait_for("app.graph.nodes.length === 0")
    show_tab(page, "window.first")
    shown(page)


def show_tab(page, workflow):
    """A click on a workflow's tab."""
    number = page.run(f"{WORKFLOW}.openWorkflows.findIndex((open) => open.path === {workflow}.path)")
    page.press(f"document.querySelectorAll('.workflow-tab')[{number}]")
    page.wait_for(f"{WORKFLOW}.activeWorkflow.path === {workflow}.path")


def test_a_result_goes_to_its_own_workflow_when_another_is_open(page):
    graph = sweep_workflow(steps=6)
    page.load(graph, PLACES)
    page.run(f"{{ window.first = {WORKFLOW}.activeWorkflow; }}")
    page.load(graph, PLACES)  # a copy: the same nodes, and the same numbers
    page.run(f"{{ window.second = {WORKFLOW}.activeWorkflow; }}")
    show_tab(page, "window.first")
    page.queue(until="true")
    show_tab(page, "window.second")
    page.wait_for("window.done")
    page.run("new Promise((done) => setTimeout(done, 300))")
    assert not page.run(f"{PICTURE}?.querySelector('img')"), "the other workflow shows the result"
    show_tab(page, "window.first")
    shown(page)
    show_tab(page, "window.second")
    page.run("new Promise((done) => setTimeout(done, 300))")
    assert not page.run(f"{PICTURE}?.querySelector('img')")


def test_undo_takes_back_what_the_user_did_and_not_the_result(page):
    swept(page)
    steps = f"{WORKFLOW}.activeWorkflow.changeTracker.undoQueue.length"
    before = page.run(steps)
    page.run(f"{{ {page.node('SliderApply')}.pos = [560, 40]; }}")
    tracker = f"{WORKFLOW}.activeWorkflow.changeTracker"
    page.run(f"{tracker}.captureCanvasState()")
    assert page.run(steps) == before + 1, "the result has become a step to undo"
    page.run(f"{tracker}.undo()")
    assert page.run(f"[...{page.node('SliderApply')}.pos]") == [500, 0]
    shown(page)
    # Vue nodes that are out of sight may be measured only now; of those that show results nothing may differ.
    ours = "nodes.filter(({ type }) => ['SliderSweep', 'SliderApply'].includes(type))"
    kept, now = (f"{graph}.{ours}" for graph in (f"{tracker}.activeState", "app.rootGraph.serialize()"))
    assert page.run(f"JSON.stringify({now}) === JSON.stringify({kept})"), (
        "the result hides what can be done again"
    )
    page.run(f"{tracker}.redo()")
    assert page.run(f"[...{page.node('SliderApply')}.pos]") == [560, 40]
    shown(page)


def test_results_survive_a_reload_of_the_page(page):
    swept(page)
    page.reload()
    shown(page)


def test_a_saved_workflow_has_its_results_and_not_the_room_that_they_take(page):
    page.load(sweep_workflow(), PLACES)
    room = "app.graph.serialize().nodes.find((node) => node.type === 'SliderSweep').size[1]"
    page.run("new Promise((done) => setTimeout(done, 600))")
    before, height = page.run(room), page.run(f"{page.node('SliderSweep')}.size[1]")
    page.queue()
    page.wait_for(f"{PICTURE}?.querySelector('img')?.naturalWidth")
    page.wait_for(f"{page.node('SliderSweep')}.size[1] > {height} + 300")
    after = page.run(room)
    assert abs(after - before) < 40  # Vue nodes may find a line for the inputs meanwhile
    grown = page.run(f"{page.node('SliderSweep')}.size[1]")
    saved = page.run("JSON.stringify(app.graph.serialize())")
    page.command("Comfy.NewBlankWorkflow")
    page.run(f"app.loadGraphData({json.dumps(json.loads(saved))}, true, true, null)")
    shown(page)
    page.wait_for(f"Math.abs({page.node('SliderSweep')}.size[1] - {grown}) < 10")
    assert abs(page.run(room) - after) < 10


def library(page):
    """What stands on Slider Prompt Library."""
    return f"{page.node('SliderPromptLibrary')}.properties.concept_sliders?.text?.[0] ?? ''"


def test_a_node_that_does_not_run_again_shows_what_it_has_told_before(page):
    graph = sweep_workflow(seed=7000 + page.vue)
    page.load(graph, PLACES)
    page.queue()
    page.wait_for(f"({library(page)}).includes('+1')")
    page.load(graph, PLACES)  # a fresh copy, of which nothing runs
    assert page.run(library(page)) == ""
    page.queue()
    page.wait_for(f"({library(page)}).includes('+1') && {REPORTS}.some((text) => text.includes('curly: +1'))")


def test_a_node_whose_input_is_put_back_shows_its_first_result_again(page):
    page.load(sweep_workflow(seed=7002 + page.vue), PLACES)
    strength = f"{page.node('SliderPromptLibrary')}.widgets.find((widget) => widget.name === 'strength')"
    for value, told in ((1, "+1"), (0.5, "+0.5"), (1, "+1")):
        page.run(f"{{ {strength}.value = {value} }}")
        page.queue()
        page.wait_for(f"({library(page)}).includes('curly: {told} ')")


def test_a_job_opened_as_a_workflow_has_its_results(page):
    swept(page)
    job = page.run("(await (await app.api.fetchApi('/jobs?limit=1')).json()).jobs[0].id")
    page.run(
        f"""{{
        const job = await (await app.api.fetchApi('/jobs/{job}')).json();
        const data = job.workflow.extra_data.extra_pnginfo.workflow;
        await app.loadGraphData(data, true, true, 'Job {job}');
        }}"""
    )
    shown(page)


def test_pictures_that_are_gone_are_said_and_the_range_stays(page):
    swept(page, seed=1000 + page.vue)  # else ComfyUI would give the missing files again to later sweeps
    for file in (page.comfy.base / "temp").glob("slider_sweep_*"):
        file.unlink()
    page.reload()
    note = page.wait_for("document.querySelector('.viewer [role=status]')?.textContent.includes('no longer')")
    page.problems.clear()  # the pictures are missing
    assert note and page.run("document.querySelectorAll('.viewer .marks .end').length") == 2
