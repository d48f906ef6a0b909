"""The panel on Train Slider, in a real training of the tiny model."""

from comfy_page import training_workflow

PLACES = {"Train Slider": (0, 0)}
STATUS = "document.querySelector('.concept-sliders [role=status]')?.textContent"
POINTS = "(document.querySelector('.curve polyline')?.getAttribute('points').split(' ').length ?? 0)"


def started(page, steps):
    page.load(training_workflow(steps), PLACES, scale=0.5)
    page.queue(until=f"{POINTS} > 5")


def cancelled(page):
    page.run("app.api.interrupt(null)")
    page.wait_for("window.done")


def test_a_second_page_has_the_whole_curve_of_a_running_training(page):
    started(page, 4001 + page.vue)
    other = page.comfy.open()
    try:
        # The same workflow, as the page itself brings it back.
        data = page.run("JSON.stringify(app.graph.serialize())")
        other.run(f"app.loadGraphData({data}, true, true, null)")
        other.run(
            "{ app.canvas.ds.scale = 0.5; app.canvas.ds.offset = [100, 100]; app.canvas.setDirty(true, true) }"
        )
        assert other.wait_for(f"{POINTS} > 5")
        first = other.run(STATUS)
        other.wait_for(f"{STATUS} !== '{first}'")  # it goes on here, too
        cancelled(page)
        other.wait_for(f"{STATUS}.endsWith('cancelled')")
        page.wait_for(f"{STATUS}.endsWith('cancelled')")
        assert not [problem for problem in other.problems if "Unhandled" in problem]
    finally:
        other.run("app.graph.clear()")
        other.close()


def test_the_panel_is_there_after_a_reload_and_a_switch_of_tabs(page):
    started(page, 4003 + page.vue)
    page.reload()
    page.wait_for(f"{POINTS} > 5")
    page.run(
        "{ window.done = null; app.api.addEventListener('execution_interrupted', () => { window.done = 1 }) }"
    )
    cancelled(page)
    page.wait_for(f"{STATUS}.endsWith('cancelled')")
    steps = page.run(STATUS)
    page.reload()
    page.wait_for(f"{STATUS} === '{steps}'")


def test_a_finished_training_is_in_every_list_of_loras_and_other_workflows_show_nothing_of_it(page):
    graph = training_workflow(3 + page.vue)
    page.load(graph, PLACES, scale=0.5)
    before = (
        "Object.values(LiteGraph.registered_node_types.LoraLoader.nodeData.input.required.lora_name[0]).length"
    )
    count = page.run(before)
    page.queue(until="true")
    page.load(graph, PLACES, scale=0.5)  # the same nodes with the same numbers, in a workflow of its own
    page.wait_for("window.done === 'execution_success'")
    page.wait_for(f"{before} > {count}")
    assert not page.run(f"{STATUS}")


def test_what_is_said_meanwhile_goes_when_the_report_says_it(page):
    train = page.node("SliderTrainer")
    page.load(training_workflow(12 + page.vue), PLACES, scale=0.5)
    page.run(
        "{ window.said = []; app.api.addEventListener('progress_text', ({ detail }) => said.push(detail.text)) }"
    )
    page.queue()
    report = page.wait_for(
        "[...document.querySelectorAll('.concept-sliders pre[role=region]')].at(-1)?.textContent"
    )
    assert "Written to" in report and page.run("said.length") == 1, "steps stand in the panel"
    page.wait_for(f"!{train}.widgets.some((widget) => widget.type === 'progressText')")
    assert page.run("document.body.innerText.split('Written to').length") == 2, "it stands there twice"
    room = page.run(f"{train}.size[1] - {train}.computeSize()[1]")
    assert room < 5, "its place has stayed"


def test_previews_are_scrolled_through_by_step_while_it_trains_and_after(page):
    track, image, step = (
        f"document.querySelector('.concept-sliders {what}')"
        for what in ("input[type=range]", ".preview img", ".line output")
    )
    graph = training_workflow(4005 + page.vue)
    train = next(entry for entry in graph.values() if entry["class_type"] == "SliderTrainer")
    checkpoint = next(name for name, entry in graph.items() if entry["class_type"] == "CheckpointLoaderSimple")
    train["inputs"] |= {"preview_every": 3, "preview_steps": 1, "vae": [checkpoint, 2]}
    page.load(graph, PLACES, scale=0.5)
    page.queue(until=f"Number({track}?.max) >= 2")
    assert page.run(f"{step}.value") not in ("3", "6"), "the newest is shown"
    page.run(f"{{ {track}.focus() }}")
    page.key("Home")
    page.wait_for(f"{step}.value === '3' && {image}.complete && {image}.naturalWidth > {image}.naturalHeight")
    seen = int(page.run(f"{track}.max"))
    page.wait_for(f"Number({track}.max) > {seen}")
    assert page.run(f"{step}.value") == "3", "a new one does not take away the one that is looked at"
    cancelled(page)
    page.wait_for(f"{STATUS}.endsWith('cancelled')")
    newest = page.run(f"{track}.max")
    page.reload()
    page.wait_for(f"{track}?.max === '{newest}' && {image}.naturalWidth > 0")
