"""The slider on Apply Slider, and errors that stand on the node."""

from comfy_page import RANGE, sweep_workflow
from test_viewer import PLACES

TRACK = "[...document.querySelectorAll('.concept-sliders:not(.viewer) input[type=range]')].at(-1)"
ERROR = "[...document.querySelectorAll('.concept-sliders pre.error')].find((text) => !text.hidden)?.textContent"


def strength(page):
    return f"{page.node('SliderApply')}.widgets.find((widget) => widget.name === 'strength').value"


def test_it_spans_the_measured_range_with_0_in_the_middle_and_marks_at_the_ends(page):
    page.load(sweep_workflow(file=RANGE), PLACES)
    page.wait_for("document.querySelectorAll('.marks .end').length === 2")
    assert page.run(f"[{TRACK}.min, {TRACK}.max]") == ["-1.5", "1.5"]
    parts = page.run(
        "[...document.querySelectorAll('.marks .end')].map((m) => m.style.getPropertyValue('--part'))"
    )
    assert [round(float(part), 3) for part in parts] == [round(0.5 / 3, 3), 1]
    assert page.run("document.querySelector('.marks .zero').style.getPropertyValue('--part')") == "0.5"


def test_mouse_and_keys_set_the_strength_and_typed_values_go_beyond(page):
    page.load(sweep_workflow(file=RANGE), PLACES)
    page.wait_for("document.querySelectorAll('.marks .end').length === 2")
    page.press(TRACK)
    assert page.run(strength(page)) == 0
    page.key("End")
    assert page.run(strength(page)) == 1.5
    page.run(
        f"{{ const node = {page.node('SliderApply')}; const widget = node.widgets.find((w) => w.name === 'strength'); "
        "widget.value = 5; widget.callback(5, app.canvas, node) }"
    )
    output = f"{TRACK}.closest('.line').querySelector('output')"
    assert page.run(f"[{output}.value, {output}.classList.contains('outside')]") == ["+5", True]
    prompt = page.run("(await app.graphToPrompt()).output")
    (inputs,) = [node["inputs"] for node in prompt.values() if node["class_type"] == "SliderApply"]
    assert inputs["strength"] == 5 and "strength_slider" not in inputs


def test_errors_stand_on_the_node_until_the_next_run(page):
    page.load(sweep_workflow(strengths="-2:2"), PLACES)
    page.queue(until=ERROR)
    assert page.run(ERROR).startswith("strengths: ") and "start:stop:count" in page.run(ERROR)
    page.run(
        f"{{ const node = {page.node('SliderSweep')}; node.widgets.find((w) => w.name === 'strengths').value = '0, 1'; "
        "node.disconnectInput(node.findInputSlot('prompts')) }"
    )
    page.queue(until="window.done === 'execution_error'")
    assert "either positive or prompts" in page.wait_for(ERROR)
    page.run("{ document.querySelectorAll('.p-dialog-close-button').forEach((button) => button.click()) }")
    page.problems.clear()  # the errors of this test


def test_what_is_refused_stays_said_while_the_rest_of_the_workflow_runs(page):
    page.load(sweep_workflow(strengths="-2:2"), PLACES)
    page.run(
        "{ const image = LiteGraph.createNode('EmptyImage'), look = LiteGraph.createNode('PreviewImage'); "
        "for (const node of [image, look]) app.graph.add(node); image.connect(0, look, 0) }"
    )
    page.queue()
    page.run(
        "app.api.dispatchCustomEvent('execution_start', { prompt_id: 'the rest' })"
    )  # may come after the answer
    assert page.run(ERROR).startswith("strengths: ")
    page.run("{ document.querySelectorAll('.p-dialog-close-button').forEach((button) => button.click()) }")
    page.problems.clear()  # the error of this test
